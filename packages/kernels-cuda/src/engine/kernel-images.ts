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

/** A compiled CUDA source. */
interface Fatbin {
  /** Hash of the source, of what it includes, and of the compiler's flags. */
  readonly sources: string;
  /** Hash of the fatbin. */
  readonly fatbin: string;
  /** The most registers and spilled bytes of each kernel over the architectures. */
  readonly kernels: Readonly<Record<string, { readonly registers: number; readonly spilledBytes: number }>>;
}

/** Manifest of the committed fatbins; written by `scripts/build-kernels.mjs`. */
export interface FatbinManifest {
  /** Toolkit that made them. */
  readonly toolkit: string;
  readonly minimumDriver: number;
  readonly fatbins: Readonly<Record<string, Fatbin>>;
}

/** The committed fatbins; undefined in a copy of the package that lacks them. */
export function committedImages(): KernelImages | undefined {
  const path = packageFile("cubin/manifest.json");
  if (!existsSync(path)) return undefined;
  const { minimumDriver, fatbins } = JSON.parse(readFileSync(path, "utf8")) as FatbinManifest;
  const images = new Map(
    Object.entries(fatbins).flatMap(([name, { kernels }]) => Object.keys(kernels).map((kernel) => [kernel, name])),
  );
  return {
    minimumDriver,
    imageOf: (kernel) => images.get(kernel),
    load: (image) => readFileSync(packageFile(`cubin/${image}.fatbin`)),
  };
}
