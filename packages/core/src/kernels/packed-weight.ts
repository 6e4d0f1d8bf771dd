import { KvfoldError } from "../errors/kvfold-error.js";
import { type BlockFormat, formatByteLength } from "../storage/storage-type.js";
import type { PackedWeight } from "./linear-weight.js";

/**
 * Wraps packed rows as a weight. The bytes are not copied.
 *
 * @param format how the bytes hold values, for example `storageTypes.bf16`
 * @param shape `[out, in]`; each row must be a whole number of the format's blocks
 * @throws KvfoldError `packed-weight` when shape and bytes do not fit
 */
export function packedWeight(format: BlockFormat, shape: readonly [number, number], bytes: Uint8Array): PackedWeight {
  const [outputs, inputs] = shape;
  const wanted = inputs % format.blockValues === 0 ? formatByteLength(format, outputs * inputs) : undefined;
  if (bytes.byteLength !== wanted) {
    throw new KvfoldError(
      "packed-weight",
      `A ${format.name} weight [${shape}] needs rows that are a multiple of ${format.blockValues} values` +
        `${wanted === undefined ? "" : ` and ${wanted} bytes in all`}; got ${bytes.byteLength} bytes.`,
    );
  }
  return new PackedRows(format, shape, bytes);
}

class PackedRows implements PackedWeight {
  readonly shape: readonly [number, number];
  readonly #format: BlockFormat;
  readonly #releases: (() => void)[] = [];
  #bytes: Uint8Array | undefined;

  constructor(format: BlockFormat, shape: readonly [number, number], bytes: Uint8Array) {
    this.#format = format;
    this.shape = shape;
    this.#bytes = bytes;
  }

  get storage(): string {
    return this.#format.name;
  }

  get bytes(): Uint8Array {
    if (this.#bytes === undefined) {
      throw new KvfoldError("packed-weight-disposed", `This ${this.storage} weight [${this.shape}] was disposed.`);
    }
    return this.#bytes;
  }

  unpack(): Float32Array {
    return this.#format.unpack(this.bytes);
  }

  onDispose(release: () => void): void {
    this.#releases.push(release);
  }

  dispose(): void {
    this.#bytes = undefined;
    for (const release of this.#releases.splice(0)) release();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
