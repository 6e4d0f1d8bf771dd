import type { CudaEngine } from "../engine/cuda-engine.js";
import { deviceKernel } from "../engine/device-kernel.js";
import type { Block } from "../engine/memory-pool.js";
import type { LaneList } from "./lane-list.js";

const kernel = deviceKernel("kvfold_peak_entries", { lengths: "address", peak: "address", lanes: "int" });

/** The most entries that lanes held, counted on the device: nothing waits for it until somebody asks. */
export class PeakEntries {
  readonly #engine: CudaEngine;
  #block: Block | undefined;

  constructor(engine: CudaEngine) {
    this.#engine = engine;
  }

  /** Notes the lengths as they are behind what was launched so far. */
  note({ lanes, lengthsAddress }: LaneList): void {
    if (lanes === 0) return;
    this.#block ??= this.#engine.apart(() => {
      const block = this.#engine.pool.take(8, "cache lanes");
      this.#engine.fillBytes(block.address, 0, 8);
      return block;
    });
    this.#engine.launch(
      kernel,
      { lengths: lengthsAddress, peak: this.#block.address, lanes },
      { grid: [1], block: [256] },
    );
  }

  /** Waits for the device. */
  get peak(): number {
    if (this.#block === undefined) return 0;
    const words = new Uint32Array(2);
    this.#engine.download(this.#block.address, new Uint8Array(words.buffer));
    return (words[0] as number) + (words[1] as number) * 2 ** 32;
  }

  dispose(): void {
    if (this.#block !== undefined && !this.#engine.disposed) this.#engine.pool.give(this.#block);
    this.#block = undefined;
  }
}
