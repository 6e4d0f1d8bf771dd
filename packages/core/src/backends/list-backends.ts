import * as tf from "@tensorflow/tfjs-core";
import { activateBackend } from "./activate-backend.js";
import type { BackendRow, LoadedBackend, MissingBackend } from "./backend-row.js";
import { backendTable } from "./backend-table.js";

/** One backend as it stands on this machine. */
export type BackendStatus =
  | ({ readonly name: string; readonly available: true } & LoadedBackend)
  | ({ readonly name: string; readonly available: false } & MissingBackend);

/**
 * Tries every known backend and says which ones run here, with versions, and why the others do not; best first.
 * The current backend is the same afterwards. Takes as long as loading all of them (wasm and cpu: about 0.1 s).
 *
 * @param table rows to try; default every backend that kvfold knows
 */
export async function listBackends(table: readonly BackendRow[] = backendTable): Promise<readonly BackendStatus[]> {
  const before = tf.getBackend();
  const statuses: BackendStatus[] = [];
  for (const row of table) {
    const { name } = row;
    const loaded = await activateBackend(row);
    statuses.push("reason" in loaded ? { name, available: false, ...loaded } : { name, available: true, ...loaded });
  }
  if (before) await tf.setBackend(before);
  return statuses;
}
