import * as tf from "@tensorflow/tfjs-core";
import type { LoadedBackend, MissingBackend } from "./backend-row.js";
import { importOptional } from "./import-optional.js";

/** The GPU package first: it also runs on a CPU, and says so. */
const packages = ["@tensorflow/tfjs-node-gpu", "@tensorflow/tfjs-node"] as const;

interface TensorflowModule {
  readonly version: Readonly<Record<string, string>>;
}

/** Parts of tfjs-node's backend class that say what it runs on. */
interface TensorflowBackend {
  readonly isUsingGpuDevice?: boolean;
  readonly binding?: { readonly TF_Version?: string };
}

/**
 * Loads TensorFlow's own runtime through `@tensorflow/tfjs-node-gpu` or `@tensorflow/tfjs-node`, both optional peers.
 * Importing either one makes `"tensorflow"` the current backend.
 */
export async function loadTensorflow(): Promise<LoadedBackend | MissingBackend> {
  await restoreUtilHelpers();
  const reasons: string[] = [];
  for (const packageName of packages) {
    const imported = await importOptional<TensorflowModule>(packageName);
    if ("reason" in imported) {
      reasons.push(`${packageName}: ${imported.reason}`);
      continue;
    }
    const { isUsingGpuDevice, binding } = tf.backend() as TensorflowBackend;
    const { version } = imported.module;
    return {
      package: packageName,
      version: version["tfjs-node"] ?? version["tfjs-core"] ?? "unknown",
      detail: `libtensorflow ${binding?.TF_Version ?? "unknown"}, ${isUsingGpuDevice === true ? "GPU" : "CPU"}`,
    };
  }
  const absent = reasons.every((reason) => reason.includes(": not installed"));
  return { reason: absent ? `not installed (npm install ${packages.join(" or ")})` : reasons.join("; ") };
}

/**
 * tfjs-node 4.22.0 calls `util.isNullOrUndefined` and `util.isArray`, which Node 23 removed (tensorflow/tfjs#8609).
 * Puts them back where they are missing, before tfjs-node is imported.
 */
async function restoreUtilHelpers(): Promise<void> {
  if (typeof process === "undefined" || process.versions?.node === undefined) return;
  const util = (await import("node:util")).default as unknown as Record<string, unknown>;
  util.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
  util.isArray ??= Array.isArray;
}
