import type { CudaBackend } from "../backend/cuda-backend.js";
import type { Block } from "../engine/memory-pool.js";
import type { LaneList } from "./lane-list.js";
import type { LaneView } from "./read-view.js";
import type { StepNumbers } from "./step-numbers.js";
import { overwritePlan } from "./store-kernels.js";

/**
 * A chunk whose tokens replace entries: they are appended, queries see what stood at their time, and when the step ends each
 * lane is put into the order that single steps would have left.
 */
export class Overwrites {
  readonly #backend: CudaBackend;
  readonly #list: LaneList;
  readonly #wanted: Block;
  readonly #order: Block;
  readonly #newLengths: Block;
  readonly #orderSlots: number;
  readonly #tokens: number;
  readonly #numbers: StepNumbers;

  /** @param slots address of the entries to replace, int32 `[rows, kvHeads, tokens]`; read now */
  constructor(backend: CudaBackend, list: LaneList, numbers: StepNumbers, slots: number) {
    [this.#backend, this.#list, this.#numbers] = [backend, list, numbers];
    const { rows, tokens } = numbers.step;
    const lanes = list.lanesOf(rows);
    this.#tokens = tokens;
    this.#orderSlots = Math.max(1, ...lanes.map((lane) => list.bounds.at(lane)));
    this.#wanted = backend.scratch(4 * lanes.length * tokens);
    this.#order = backend.scratch(4 * lanes.length * this.#orderSlots);
    this.#newLengths = backend.scratch(4 * lanes.length);
    backend.engine.copy(this.#wanted.address, slots, 4 * lanes.length * tokens);
  }

  /** Ends entries of the view where tokens replace them, and finds the order of what stays. */
  plan(view: LaneView, oldLengths: number): void {
    const { counts, positions, step } = this.#numbers;
    const values = {
      counts,
      positions,
      oldLengths,
      slots: this.#wanted.address,
      order: this.#order.address,
      newLengths: this.#newLengths.address,
      view: view.store,
      tokens: this.#tokens,
      orderSlots: this.#orderSlots,
    };
    const lanes = step.rows.length * view.store.kvHeads;
    this.#backend.engine.launch(overwritePlan, values, { grid: [lanes], block: [128] });
  }

  /** Drops what was replaced and puts the other entries into their slots. */
  settle(): void {
    const { rows, step } = this.#numbers;
    const moved = {
      order: this.#order.address,
      orderSlots: this.#orderSlots,
      newLengths: this.#newLengths.address,
      bounds: this.#list.lanesOf(step.rows).map((lane) => this.#list.bounds.at(lane)),
    };
    this.#list.rearrange(step.rows, rows, moved);
  }

  release(): void {
    for (const block of [this.#wanted, this.#order, this.#newLengths]) this.#backend.engine.pool.give(block);
  }
}
