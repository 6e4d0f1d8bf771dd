import type { LanguageModel, WeightStorage } from "@kvfold/models";

/** `--weights`: formats by the names that model files use, and how the loader calls them. */
const loaderNames = {
  file: "auto",
  F32: "f32",
  BF16: "bf16",
  F16: "f16",
  Q8_0: "q8_0",
  Q4_0: "q4_0",
  Q4_1: "q4_1",
} as const satisfies Readonly<Record<string, WeightStorage>>;

/** A format that weights can be held in; `file`: as the file stores them where the backend computes on that. */
export type WeightFormat = keyof typeof loaderNames;

export const weightFormats = Object.keys(loaderNames) as WeightFormat[];

/** What the loader calls a format. */
export function weightStorage(format: WeightFormat): WeightStorage {
  return loaderNames[format];
}

/** Formats in which a model's layers are held, for example `Q4_1` or `Q4_K+Q6_K`. */
export function heldFormat({ decoder }: LanguageModel): string {
  const matrices = decoder.weights.layers.flatMap(({ q, k, v, o, mlp }) => [
    ...[q, k, v, o].map(({ weight }) => weight),
    ...[mlp.gate, mlp.up, mlp.down],
  ]);
  const names = matrices.map((weight) => ("storage" in weight ? weight.storage.toUpperCase() : "F32"));
  return [...new Set(names)].sort().join("+");
}
