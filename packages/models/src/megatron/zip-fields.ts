/** Little-endian fields of a zip header; positions count from its start and are the caller's to check. */
export class ZipFields {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u16(at: number): number {
    return this.#view.getUint16(at, true);
  }

  u32(at: number): number {
    return this.#view.getUint32(at, true);
  }

  /** Undefined beyond 2^53. */
  u64(at: number): number | undefined {
    const value = this.#view.getBigUint64(at, true);
    return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : undefined;
  }

  /** Undefined when the bytes are no UTF-8. */
  text(at: number, length: number): string | undefined {
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(this.#bytes.subarray(at, at + length));
    } catch {
      return undefined;
    }
  }

  /** The extra field of kind `id` among those in `[at, at + length)`. */
  extraField(id: number, at: number, length: number): { readonly at: number; readonly length: number } | undefined {
    const end = at + length;
    for (let next = at; next + 4 <= end; ) {
      const size = this.u16(next + 2);
      if (next + 4 + size > end) return undefined;
      if (this.u16(next) === id) return { at: next + 4, length: size };
      next += 4 + size;
    }
    return undefined;
  }
}
