import type { CudaEngine } from "../engine/cuda-engine.js";
import type { Block } from "../engine/memory-pool.js";
import type { LaneList } from "./lane-list.js";

/** Samples that are kept on the device before they are looked at. */
const samples = 64;

/** The most entries that lanes held, noted without waiting for the device: lengths are copied aside and summed later. */
export class PeakEntries {
  readonly #engine: CudaEngine;
  #block: Block | undefined;
  #lanes = 0;
  #count = 0;
  #peak = 0;

  constructor(engine: CudaEngine) {
    this.#engine = engine;
  }

  /** Notes the lengths as they are behind what was launched so far. */
  note(list: LaneList): void {
    if (list.lanes === 0) return;
    if (this.#count === samples || this.#lanes !== list.lanes) {
      this.#look();
      if (this.#lanes !== list.lanes) this.dispose();
      this.#lanes = list.lanes;
    }
    this.#block ??= this.#engine.pool.take(4 * samples * list.lanes, "cache lanes");
    const at = this.#block.address + 4 * this.#count++ * list.lanes;
    this.#engine.copy(at, list.lengthsAddress, 4 * list.lanes);
  }

  /** Waits for the device. */
  get peak(): number {
    this.#look();
    return this.#peak;
  }

  #look(): void {
    if (this.#block === undefined || this.#count === 0) return;
    const lengths = new Int32Array(this.#count * this.#lanes);
    this.#engine.download(this.#block.address, lengths);
    for (let first = 0; first < lengths.length; first += this.#lanes) {
      const sum = lengths.subarray(first, first + this.#lanes).reduce((all, length) => all + length, 0);
      this.#peak = Math.max(this.#peak, sum);
    }
    this.#count = 0;
  }

  dispose(): void {
    if (this.#block !== undefined && !this.#engine.disposed) this.#engine.pool.give(this.#block);
    this.#block = undefined;
  }
}
