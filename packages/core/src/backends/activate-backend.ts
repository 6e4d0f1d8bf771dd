import * as tf from "@tensorflow/tfjs-core";
import type { BackendRow, BackendSettings, LoadedBackend, MissingBackend } from "./backend-row.js";

/**
 * Loads the backend of a row and makes it the current one. `tf.setBackend` answers false when a backend fails to
 * initialise, and TensorFlow.js then keeps another one silently; here that is a reason.
 */
export async function activateBackend(
  row: BackendRow,
  settings: BackendSettings = {},
): Promise<LoadedBackend | MissingBackend> {
  tf.enableProdMode(); // else the cpu backend greets Node users with a banner
  try {
    const loaded = await row.load(settings);
    if ("reason" in loaded) return loaded;
    if (await tf.setBackend(row.name)) return loaded;
    return { reason: `${loaded.package} ${loaded.version} is installed, but TensorFlow.js could not initialise it` };
  } catch (error) {
    return { reason: `failed to load: ${error instanceof Error ? error.message : String(error)}` };
  }
}
