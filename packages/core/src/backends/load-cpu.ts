import type { LoadedBackend } from "./backend-row.js";

/** Loads the plain JavaScript backend: slow, complete and always there. */
export async function loadCpu(): Promise<LoadedBackend> {
  const { version_cpu } = await import("@tensorflow/tfjs-backend-cpu");
  return {
    package: "@tensorflow/tfjs-backend-cpu",
    version: version_cpu,
    detail: "plain JavaScript, 1 thread",
    threads: 1,
  };
}
