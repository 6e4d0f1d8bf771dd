import { Progress } from "../terminal/progress.js";

/**
 * Path of a MODEL argument: `demo`, `demo-dms`, `demo-plain` or `demo-control`, the bundled ones, a folder, a `.gguf` file, or a hub id, which is downloaded first.
 *
 * @param withoutWeights true when the config is enough
 */
export async function resolvePath(model: string, withoutWeights = false): Promise<string> {
  if (model === "demo") return (await import("@kvfold/demo-model")).modelPath;
  if (model === "demo-dms") return (await import("@kvfold/demo-model")).dmsPath;
  if (model === "demo-plain") return (await import("@kvfold/demo-model")).plainPath;
  if (model === "demo-control") return (await import("@kvfold/demo-model")).controlPath;
  const { resolveModel } = await import("@kvfold/models");
  const progress = new Progress("downloading");
  try {
    const { path } = await resolveModel(model, {
      withoutWeights,
      onProgress: ({ doneBytes, totalBytes }) => progress.update(doneBytes, totalBytes),
    });
    return path;
  } finally {
    progress.end();
  }
}
