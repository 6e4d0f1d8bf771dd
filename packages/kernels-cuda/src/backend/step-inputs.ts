import type { Step, StepFill } from "@kvfold/kv-cache";
import type { CudaEngine } from "../engine/cuda-engine.js";
import { type Block, type BlockKeeper, keptBlock } from "../engine/memory-pool.js";

/** Values that a step determines. */
export type InputValues = Float32Array | Int32Array;

/** Bytes of a piece, where an input does not need more; one upload each in a replay. */
const pieceBytes = 256 * 1024;
const alignment = 256;

/** Device memory of inputs that lie one behind the other, and the same on the host. */
interface Piece {
  readonly block: Block;
  readonly bytes: Uint8Array<ArrayBuffer>;
  used: number;
}

/** What changes from step to step: replays fill it again, and send it in one go. */
export class StepInputs implements BlockKeeper {
  readonly #engine: CudaEngine;
  readonly #pieces: Piece[] = [];
  readonly #fills: { readonly values: InputValues; readonly fill: StepFill }[] = [];
  /** Blocks that tensors hold. */
  #lent = 0;
  #disposed = false;

  constructor(engine: CudaEngine) {
    this.#engine = engine;
  }

  /** The address of memory with these values, which a replay replaces by those of `fill`. */
  add(values: InputValues, fill: StepFill): number {
    return this.#place(values, fill).address;
  }

  /** The same for a tensor, which gives the block back. */
  lend(values: InputValues, fill: StepFill): Block {
    this.#lent++;
    return keptBlock(this.#place(values, fill), this);
  }

  /** Sends the values of another step. */
  refill(step: Step): void {
    for (const { values, fill } of this.#fills) values.set(fill(step));
    for (const { block, bytes, used } of this.#pieces) this.#engine.upload(block.address, bytes.subarray(0, used));
  }

  give(): void {
    this.#lent--;
    this.#releaseIfUnused();
  }

  /** The memory goes back to the pool when no tensor holds a part of it any more. */
  dispose(): void {
    this.#disposed = true;
    this.#releaseIfUnused();
  }

  #place(values: InputValues, fill: StepFill): Block {
    const size = Math.ceil(values.byteLength / alignment) * alignment;
    const piece = this.#pieceFor(size);
    const place = piece.used;
    piece.used += size;
    const { buffer } = piece.bytes;
    const mirror =
      values instanceof Float32Array
        ? new Float32Array(buffer, place, values.length)
        : new Int32Array(buffer, place, values.length);
    mirror.set(values);
    this.#fills.push({ values: mirror, fill });
    const block = { ...piece.block, address: piece.block.address + place, bytes: size };
    this.#engine.apart(() => this.#engine.upload(block.address, mirror));
    return block;
  }

  #pieceFor(size: number): Piece {
    const last = this.#pieces.at(-1);
    if (last !== undefined && last.used + size <= last.bytes.length) return last;
    const bytes = new Uint8Array(Math.max(pieceBytes, size));
    const block = this.#engine.apart(() => this.#engine.pool.take(bytes.length, "recorded steps"));
    const piece = { block, bytes, used: 0 };
    this.#pieces.push(piece);
    return piece;
  }

  #releaseIfUnused(): void {
    if (!this.#disposed || this.#lent > 0 || this.#engine.disposed) return;
    for (const { block } of this.#pieces.splice(0)) this.#engine.pool.give(block);
  }
}
