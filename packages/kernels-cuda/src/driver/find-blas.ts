import type { CudaAddon } from "./cuda-addon.js";

/** The library of matrix products, or why there is none. */
export type FoundBlas =
  | { readonly path: string; readonly version: string }
  | {
      /** End of a sentence. */
      readonly reason: string;
    };

/** Names of NVIDIA's library, as the dynamic linker looks for them, best first. */
const libraries = ["libcublasLt.so.13", "libcublasLt.so.12"];

/** Opens cuBLASLt where it is installed. @param path another library; `""`: none */
export function findBlas(addon: CudaAddon, path?: string): FoundBlas {
  if (path === "") return { reason: "it is not wanted" };
  let reason = "";
  for (const name of path === undefined ? libraries : [path]) {
    const { version, detail } = addon.openBlas(name);
    if (version !== undefined) return { path: name, version: versionText(version) };
    reason ||= `${detail}`;
  }
  return { reason };
}

/** `130100` as `13.1`. */
function versionText(version: number): string {
  return `${Math.floor(version / 10_000)}.${Math.floor((version % 10_000) / 100)}`;
}
