import type { MissingBackend } from "./backend-row.js";

/**
 * Imports a package that may be absent. The name is a variable, so TypeScript and bundlers leave the import alone.
 *
 * A failure comes in two shapes: the package is absent (`ERR_MODULE_NOT_FOUND` naming it), or it is there and throws
 * while loading, for example because its native addon was never built or downloaded.
 *
 * @returns the module, or the reason as the end of a sentence
 */
export async function importOptional<Module extends object>(
  packageName: string,
): Promise<{ readonly module: Module } | MissingBackend> {
  try {
    return { module: (await import(/* @vite-ignore */ packageName)) as Module };
  } catch (error) {
    return { reason: importFailure(packageName, error) };
  }
}

/** Says in one line why `import(packageName)` failed. */
export function importFailure(packageName: string, error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const code = (error as { code?: unknown } | null)?.code;
  const absent = code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND";
  if (absent && new RegExp(`(package|module) '${packageName}'`).test(message)) {
    return `not installed (npm install ${packageName})`;
  }
  const firstLine = message.split("\n", 1)[0] ?? "";
  if (message.includes("tfjs_binding.node")) {
    return `installed without its native addon, which its install script builds or downloads (npm rebuild ${packageName}): ${firstLine}`;
  }
  return `failed to load: ${firstLine}`;
}
