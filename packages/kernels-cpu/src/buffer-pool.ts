import type { NativeAddon } from "./native-addon.js";
import { sizeClass } from "./size-class.js";

/**
 * Memory of the backend's tensors: ArrayBuffers over the addon's pool, 64-byte aligned. A buffer that is given back is
 * handed out again as it is, so a steady state makes no memory and no native call.
 */
export class BufferPool {
  readonly #addon: NativeAddon;
  readonly #idle = new Map<number, ArrayBuffer[]>();
  readonly #own = new WeakSet<ArrayBufferLike>();
  #usedBytes = 0;
  #idleBytes = 0;

  constructor(addon: NativeAddon) {
    this.#addon = addon;
  }

  /** Bytes of the buffer that {@link take} gives. */
  sizeOf(bytes: number): number {
    return sizeClass(bytes);
  }

  /** A buffer of at least `bytes`, with any content. */
  take(bytes: number): ArrayBuffer {
    const size = sizeClass(bytes);
    const reused = this.#idle.get(size)?.pop();
    this.#usedBytes += size;
    if (reused !== undefined) {
      this.#idleBytes -= size;
      return reused;
    }
    // A runtime that allows no external memory gets ordinary buffers; the kernels take any alignment.
    const buffer = this.#addon.allocate(size) ?? new ArrayBuffer(size);
    this.#own.add(buffer);
    return buffer;
  }

  /** True for a buffer that this pool made. */
  owns(buffer: ArrayBufferLike): boolean {
    return this.#own.has(buffer);
  }

  /** Takes a buffer of {@link take} back; nothing may use it any more. */
  give(buffer: ArrayBuffer): void {
    const size = buffer.byteLength;
    const list = this.#idle.get(size);
    if (list === undefined) this.#idle.set(size, [buffer]);
    else list.push(buffer);
    this.#usedBytes -= size;
    this.#idleBytes += size;
  }

  /** Returns the idle memory to the system at once. */
  trim(): void {
    for (const list of this.#idle.values()) for (const buffer of list) this.#addon.detach(buffer);
    this.#idle.clear();
    this.#idleBytes = 0;
    this.#addon.trimMemory();
  }

  /** Bytes in use and bytes kept for reuse. */
  get figures(): { readonly usedBytes: number; readonly idleBytes: number } {
    return { usedBytes: this.#usedBytes, idleBytes: this.#idleBytes };
  }
}
