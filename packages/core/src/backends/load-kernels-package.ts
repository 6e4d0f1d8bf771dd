import * as tf from "@tensorflow/tfjs-core";
import type { BackendSettings, LoadedBackend, MissingBackend } from "./backend-row.js";
import { importOptional } from "./import-optional.js";

/**
 * What a kernels package exports for the backend table. Importing the package registers its backend, kernels and
 * gradients with TensorFlow.js; `probe` says whether this machine can run them.
 */
export interface KernelsPackage {
  /** Version of the package. */
  readonly version: string;
  /** Looks for the device and the native addon, and applies the settings that it knows. Must not throw. */
  probe(
    settings?: BackendSettings,
  ):
    | { readonly available: true; readonly detail: string; readonly threads?: number }
    | { readonly available: false; readonly reason: string };
}

/** `load` of a table row for a kernels package that registers the backend `name` when it is imported. */
export async function loadKernelsPackage(
  name: string,
  packageName: string,
  settings: BackendSettings = {},
): Promise<LoadedBackend | MissingBackend> {
  const imported = await importOptional<KernelsPackage>(packageName);
  if ("reason" in imported) return imported;
  const { probe, version } = imported.module;
  const found = probe(settings);
  if (!found.available) return { reason: found.reason };
  if (tf.findBackendFactory(name) === null) {
    return { reason: `${packageName} ${version} did not register a backend named "${name}"` };
  }
  const threads = found.threads === undefined ? {} : { threads: found.threads };
  return { package: packageName, version, detail: found.detail, ...threads };
}
