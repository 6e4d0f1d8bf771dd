import type { BackendSettings } from "@kvfold/core";
import { type Command, InvalidArgumentError, Option } from "commander";

/** Reads a whole number of at least `least`. */
export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = /^[+-]?\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
    if (Number.isSafeInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least} up.`);
  };
}

/** Reads whole numbers with commas between them, each of at least `least`: in ascending order, each once. */
export function wholeNumbers(least: number): (text: string) => readonly number[] {
  const one = wholeNumber(least);
  return (text) => [...new Set(text.split(",").map(one))].sort((a, b) => a - b);
}

/** Reads a number of at least 0. */
export function positiveNumber(text: string): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (Number.isFinite(value) && value >= 0) return value;
  throw new InvalidArgumentError("It must be a number from 0 up.");
}

const FACTORS: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  k: 1e3,
  kb: 1e3,
  m: 1e6,
  mb: 1e6,
  g: 1e9,
  gb: 1e9,
  t: 1e12,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

/** Reads a number of bytes: `8000000000`, `8GB`, `7.5GiB`. */
export function byteCount(text: string): number {
  const [, number = "", unit = ""] = /^\s*(\d+(?:\.\d+)?(?:e\d+)?)\s*([a-z]*)\s*$/i.exec(text) ?? [];
  const value = Math.floor(Number(number) * (FACTORS[unit.toLowerCase()] ?? Number.NaN));
  if (number !== "" && Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError("It must be a number of bytes such as 8000000000, 8GB or 7.5GiB.");
}

/** Adds what every command has. */
export function commonOptions(command: Command): Command {
  return command.option("--debug", "show the stack of an error");
}

export function jsonOption(): Option {
  return new Option("--json", "print one JSON document");
}

export function policyOption(): Option {
  return new Option(
    "--policy <spec>",
    "cache policy, see 'kvfold policies' (default: dmc for a retrofitted model, else full)",
  );
}

export function policiesOption(): Option {
  return new Option(
    "--policy <spec>",
    "cache policy, see 'kvfold policies'; may be repeated (default: full, and dmc for a retrofitted model)",
  ).argParser((spec: string, before: readonly string[] | undefined) => [...(before ?? []), spec]);
}

export function cacheOption(): Option {
  return new Option("--cache <type>", "storage of the cache's entries; bf16 and int8 need the backend native")
    .choices(["f32", "bf16", "int8"])
    .default("f32");
}

/** Adds `--backend` and what the backend may be told: {@link EngineOptions}. */
export function engineOptions(command: Command): Command {
  return backendOptions(command).addOption(
    new Option(
      "--activations <type>",
      "precision of activations times packed weights, on native; int8 is llama.cpp's (default: float32)",
    ).choices(["float32", "int16", "int8"]),
  );
}

/** {@link engineOptions} without what is for packed weights. */
export function backendOptions(command: Command): Command {
  return command
    .addOption(backendOption())
    .option("--threads <n>", "threads that compute; the backend native takes it", wholeNumber(1))
    .option(
      "--device <n|uuid>",
      "device that computes, as nvidia-smi -L lists them; the backend cuda takes it",
      deviceOf,
    );
}

/** A number of a device, or the start of its UUID. */
function deviceOf(text: string): number | string {
  return /^\d+$/.test(text) ? Number(text) : text;
}

/** What {@link engineOptions} reads. */
export interface EngineOptions extends BackendSettings {
  readonly backend: string;
}

export function backendOption(): Option {
  return new Option("--backend <name>", "TensorFlow.js backend, see 'kvfold doctor'").default(
    "auto",
    "the best one here",
  );
}
