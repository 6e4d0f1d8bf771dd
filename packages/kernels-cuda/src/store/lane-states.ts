import type { CudaEngine } from "../engine/cuda-engine.js";
import type { Block } from "../engine/memory-pool.js";

/** State bytes of an engine's lanes, which lie outside of pages. */
const used = new WeakMap<CudaEngine, { bytes: number }>();

/** Bytes of merging state of all lanes of an engine. */
export function usedStateBytes(engine: CudaEngine): number {
  return used.get(engine)?.bytes ?? 0;
}

/**
 * What merging lanes keep beside their entries, `[lanes, stateBytes]`. Lists of the same lanes hold it together until one of
 * them writes.
 */
export class LaneStates {
  readonly bytes: number;
  readonly #engine: CudaEngine;
  readonly #block: Block;
  #holders = 1;

  /** Zeros. */
  constructor(engine: CudaEngine, bytes: number) {
    [this.#engine, this.bytes] = [engine, bytes];
    this.#block = engine.pool.take(bytes, "cache states");
    engine.fillBytes(this.#block.address, 0, bytes);
    this.#count(bytes);
  }

  get address(): number {
    return this.#block.address;
  }

  /** The same for one more holder. */
  share(): LaneStates {
    this.#holders++;
    return this;
  }

  /** For a holder that is about to write: itself where nobody else holds it, else a copy in its place. */
  own(): LaneStates {
    if (this.#holders === 1) return this;
    const copy = new LaneStates(this.#engine, this.bytes);
    this.#engine.copy(copy.address, this.address, this.bytes);
    this.release();
    return copy;
  }

  /** One holder less; the last one gives the memory back. */
  release(): void {
    this.#holders--;
    if (this.#holders > 0) return;
    this.#count(-this.bytes);
    this.#engine.pool.give(this.#block);
  }

  #count(bytes: number): void {
    const counted = used.get(this.#engine) ?? { bytes: 0 };
    counted.bytes += bytes;
    used.set(this.#engine, counted);
  }
}
