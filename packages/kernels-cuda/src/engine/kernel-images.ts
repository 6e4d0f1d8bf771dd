import { existsSync, readFileSync } from "node:fs";
import { packageFile } from "../package-file.js";

/** Compiled kernels: which image has a kernel, and the driver that all of them need. */
export interface KernelImages {
  /** Oldest CUDA version whose drivers can load them, as the driver counts. */
  readonly minimumDriver: number;
  /** Image that has a kernel; undefined when none has. */
  imageOf(kernel: string): string | undefined;
  /** Bytes of an image. */
  load(image: string): Uint8Array;
}

/** Manifest of the committed fatbins; written by `scripts/build-kernels.mjs`. */
export interface FatbinManifest {
  /** Toolkit that made them. */
  readonly toolkit: string;
  readonly minimumDriver: number;
  readonly fatbins: Readonly<
    Record<string, { readonly sources: string; readonly fatbin: string; readonly kernels: readonly string[] }>
  >;
}

/** The committed fatbins; undefined in a copy of the package that lacks them. */
export function committedImages(): KernelImages | undefined {
  const path = packageFile("cubin/manifest.json");
  if (!existsSync(path)) return undefined;
  const { minimumDriver, fatbins } = JSON.parse(readFileSync(path, "utf8")) as FatbinManifest;
  const images = new Map(
    Object.entries(fatbins).flatMap(([name, { kernels }]) => kernels.map((kernel) => [kernel, name])),
  );
  return {
    minimumDriver,
    imageOf: (kernel) => images.get(kernel),
    load: (image) => readFileSync(packageFile(`cubin/${image}.fatbin`)),
  };
}
