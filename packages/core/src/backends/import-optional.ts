import type { MissingBackend } from "./backend-row.js";

/**
 * Imports a package that may be absent: from this package, else from the program that runs (the script given to node),
 * because a strict package manager shows a package only what it declares. The name is a variable, so TypeScript and
 * bundlers leave the import alone.
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
    try {
      const path = isAbsent(packageName, error) ? await resolveFromProgram(packageName) : undefined;
      if (path !== undefined) return { module: (await import(/* @vite-ignore */ path)) as Module };
    } catch (second) {
      return { reason: importFailure(packageName, second) };
    }
    return { reason: importFailure(packageName, error) };
  }
}

/** URL of a package as the running script sees it; undefined when it does not see it, and in browsers. */
async function resolveFromProgram(packageName: string): Promise<string | undefined> {
  const program = typeof process === "undefined" ? undefined : process.argv?.[1];
  if (program === undefined) return undefined;
  const [{ createRequire }, { realpathSync }, { pathToFileURL }] = await Promise.all([
    import("node:module"),
    import("node:fs"),
    import("node:url"),
  ]);
  try {
    return pathToFileURL(createRequire(realpathSync(program)).resolve(packageName)).href;
  } catch {
    return undefined; // not seen from there either, or no such script (node -e)
  }
}

function isAbsent(packageName: string, error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  const absent = code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND";
  return absent && new RegExp(`(package|module) '${packageName}'`).test(messageOf(error));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Says in one line why `import(packageName)` failed. */
export function importFailure(packageName: string, error: unknown): string {
  if (isAbsent(packageName, error)) return `not installed (npm install ${packageName})`;
  const message = messageOf(error);
  const firstLine = message.split("\n", 1)[0] ?? "";
  if (message.includes("tfjs_binding.node")) {
    return `installed without its native addon, which its install script builds or downloads (npm rebuild ${packageName}): ${firstLine}`;
  }
  return `failed to load: ${firstLine}`;
}
