import { type ByteSource, KvfoldError } from "@kvfold/core";

/** Bytes fetched at a time. */
const WINDOW_BYTES = 1 << 20;
/** The largest header read; those with 260,000 tokens and merges stay under 20 MB. */
const MAX_HEADER_BYTES = 128 * 1024 * 1024;
/** A chat template is the longest string of real files: some 10 KB. */
const MAX_STRING_BYTES = 16 * 1024 * 1024;

/** Reads little-endian values one after the other and names the position when the file ends too early. */
export class GgufCursor {
  readonly #source: ByteSource;
  readonly #limit: number;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });
  #window = new Uint8Array(0);
  #view = new DataView(this.#window.buffer);
  #windowStart = 0;
  #at = 0;

  constructor(source: ByteSource) {
    this.#source = source;
    this.#limit = Math.min(source.size, MAX_HEADER_BYTES);
  }

  /** Position in the file. */
  get offset(): number {
    return this.#at;
  }

  /** Bytes that a header may still take: no count in the file can be larger than this. */
  get remaining(): number {
    return this.#limit - this.#at;
  }

  u8(): number {
    const at = this.#take(1); // may replace the view
    return this.#view.getUint8(at);
  }

  u32(): number {
    const at = this.#take(4);
    return this.#view.getUint32(at, true);
  }

  /** A 64-bit length or offset. @throws when it is beyond 2^53 */
  size(what: string): number {
    const at = this.#take(8);
    const value = this.#view.getBigUint64(at, true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw this.error(`${what} is ${value}, more than can be addressed`);
    return Number(value);
  }

  /** A 64-bit count of things that take at least `bytesEach`: checked against what is left of the file. */
  count(what: string, bytesEach: number): number {
    const count = this.size(what);
    if (count * bytesEach > this.remaining) {
      throw this.error(`${what} is ${count}, but only ${this.remaining} bytes are left`);
    }
    return count;
  }

  string(what: string): string {
    const length = this.count(`the length of ${what}`, 1);
    if (length > MAX_STRING_BYTES)
      throw this.error(`${what} has ${length} bytes; at most ${MAX_STRING_BYTES} are accepted`);
    const at = this.#take(length);
    try {
      return this.#decoder.decode(this.#window.subarray(at, at + length));
    } catch {
      throw this.error(`${what} is not UTF-8`);
    }
  }

  /** A copy of the next `length` bytes. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    const out = new Uint8Array(this.#reserve(length));
    this.#source.readInto(this.#at, out);
    this.#at += length;
    return out;
  }

  /** Error that names the file and the position. */
  error(what: string): KvfoldError {
    return new KvfoldError(
      "gguf-malformed",
      `${this.#source.path} is not a valid GGUF file: ${what} (at byte ${this.#at}).`,
    );
  }

  /** Makes `length` bytes available and steps over them; returns their place in the window. */
  #take(length: number): number {
    this.#reserve(length);
    const start = this.#at - this.#windowStart;
    this.#at += length;
    if (start + length <= this.#window.length) return start;
    this.#windowStart = this.#at - length;
    this.#window = new Uint8Array(Math.min(this.#limit - this.#windowStart, Math.max(length, WINDOW_BYTES)));
    this.#view = new DataView(this.#window.buffer);
    this.#source.readInto(this.#windowStart, this.#window);
    return 0;
  }

  #reserve(length: number): number {
    if (length <= this.remaining) return length;
    if (this.#limit < this.#source.size) throw this.error(`its header is longer than ${this.#limit} bytes`);
    throw this.error(
      `it ends in the middle of its header; ${length} more bytes are needed, ${this.remaining} are left (truncated?)`,
    );
  }
}
