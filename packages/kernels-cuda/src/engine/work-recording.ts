import type { CudaEngine, DeviceValues } from "./cuda-engine.js";
import { type Block, type BlockSource, keptBlock } from "./memory-pool.js";
import { sizeClass } from "./size-class.js";

/**
 * Work that an engine did, as a graph that does it again on the same memory. What the work takes from the pool while it is
 * recorded stays the recording's, so that nobody else writes there between two runs.
 */
export class WorkRecording implements BlockSource {
  readonly #engine: CudaEngine;
  #calls: (() => void)[] = [];
  #graph: number | undefined;
  #refusal: string | undefined;
  /** By size; what the work has given back it gets again. */
  readonly #free = new Map<number, Block[]>();
  /** Blocks that somebody holds, as they were handed out, and as the pool has them. */
  readonly #held = new Map<Block, Block>();
  readonly #constants: Block[] = [];
  #disposed = false;

  constructor(engine: CudaEngine) {
    this.#engine = engine;
  }

  /** Why it cannot be run again, as the end of a sentence. */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  /** Blocks that the work took and did not give back. */
  get heldBlocks(): number {
    return this.#held.size;
  }

  /** The first reason counts. */
  refuse(reason: string): void {
    this.#refusal ??= reason;
  }

  /** Notes a call of the driver. */
  note(call: () => void): void {
    this.#calls.push(call);
  }

  take(bytes: number, holder: string): Block {
    const size = sizeClass(bytes);
    const inner = this.#free.get(size)?.pop() ?? this.#engine.apart(() => this.#engine.pool.take(size, holder));
    const block = keptBlock(inner, this);
    this.#held.set(block, inner);
    return block;
  }

  give(block: Block): void {
    const inner = this.#held.get(block);
    if (inner === undefined) return;
    this.#held.delete(block);
    if (this.#disposed) {
      this.#engine.pool.give(inner);
      return;
    }
    const list = this.#free.get(inner.bytes);
    if (list === undefined) this.#free.set(inner.bytes, [inner]);
    else list.push(inner);
  }

  /** Values on the device that stay as they are as long as the recording. */
  constant(values: DeviceValues): Block {
    const block = this.#engine.pool.take(values.byteLength, "recorded steps");
    this.#constants.push(block);
    this.#engine.upload(block.address, values);
    return block;
  }

  /** Makes the graph; nothing is noted any more. @returns false, with a reason in {@link refusal}, when the driver makes none */
  finish(): boolean {
    try {
      this.#graph = this.#engine.graphOf(this.#calls);
    } catch (error) {
      this.refuse(`the driver makes no graph of it: ${error instanceof Error ? error.message : String(error)}`);
    }
    this.#calls = [];
    return this.#graph !== undefined;
  }

  run(): void {
    if (this.#graph === undefined || this.#disposed) throw new RangeError("this recording was disposed of");
    this.#engine.graphLaunch(this.#graph);
  }

  /** Gives graph and memory back; blocks that are still held follow when they are given back. Twice is once. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    if (this.#engine.disposed) return;
    if (this.#graph !== undefined) this.#engine.graphDispose(this.#graph);
    for (const list of this.#free.values()) for (const block of list) this.#engine.pool.give(block);
    for (const block of this.#constants) this.#engine.pool.give(block);
    this.#free.clear();
  }
}
