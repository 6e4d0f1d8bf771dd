import type { BackendChoice, BackendSettings } from "@kvfold/core";
import type { EngineOptions } from "../options.js";
import { note } from "../terminal/output.js";
import { UsageError } from "../usage-error.js";

/** Throws when `--backend` names none that exists; nothing is loaded. */
export async function checkBackendName(backend: string): Promise<void> {
  const { backendTable } = await import("@kvfold/core");
  const names = ["auto", ...backendTable.map((row) => row.name)];
  if (!names.includes(backend)) throw new UsageError(`--backend ${backend}: there are ${names.join(", ")}.`);
}

/**
 * Chooses and loads the backend that the command line asks for.
 * @param matmulPrecision of products of dense matrices, for training
 */
export async function startBackend(
  { backend, threads, activations, device }: EngineOptions,
  { matmulPrecision }: Pick<BackendSettings, "matmulPrecision"> = {},
): Promise<BackendChoice> {
  const { chooseBackend } = await import("@kvfold/core");
  const choice = await chooseBackend({ prefer: backend, threads, activations, matmulPrecision, device });
  if (choice.name === "cpu" && backend === "auto") note(`running on the slow backend 'cpu'; 'kvfold doctor' says why.`);
  return choice;
}
