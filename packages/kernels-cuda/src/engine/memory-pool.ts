import { KvfoldError } from "@kvfold/core";
import { sizeClass } from "./size-class.js";

/** What the pool needs of a device. */
export interface MemorySource {
  /** The address of new memory; undefined when the device has none left. */
  alloc(bytes: number): number | undefined;
  free(address: number): void;
  /** Free and all bytes of the device. */
  info(): { readonly free: number; readonly total: number };
}

/** Device memory that somebody holds. */
export interface Block {
  readonly address: number;
  /** A size class. */
  readonly bytes: number;
  /** What it is for, as errors say it: "tensors", "weights", ... */
  readonly holder: string;
  readonly slab: Slab | undefined;
  /** Who takes it back instead of the pool. */
  readonly keeper?: BlockKeeper;
}

/** Takes its blocks back itself. */
export interface BlockKeeper {
  give(block: Block): void;
}

/** Hands out memory in place of the pool while it is asked to. */
export interface BlockSource extends BlockKeeper {
  take(bytes: number, holder: string): Block;
}

/** A block as another keeper hands it out. */
export function keptBlock(block: Block, keeper: BlockKeeper): Block {
  return { ...block, keeper };
}

/** A large piece that small blocks are cut from. */
interface Slab {
  readonly address: number;
  used: number;
  /** Blocks of it that are held. */
  held: number;
}

/** Bytes of a slab, and the largest block that is cut from one. */
const slabBytes = 2 * 2 ** 20;
const largestCut = slabBytes / 8;

/** Figures of a pool, in bytes. */
export interface PoolFigures {
  readonly usedBytes: number;
  /** Kept for reuse. */
  readonly idleBytes: number;
  /** The most that was used at once. */
  readonly peakBytes: number;
  /** What the pool has from the driver. */
  readonly reservedBytes: number;
}

/**
 * Device memory in size classes. Blocks that are given back are handed out again as they are: everything runs on one stream,
 * so that whoever gets a block writes it after its last reader. Small blocks are cut from slabs.
 */
export class MemoryPool {
  readonly #source: MemorySource;
  readonly #limit: number;
  readonly #idle = new Map<number, Block[]>();
  readonly #slabs = new Set<Slab>();
  /** Pieces that came from the device, with their bytes. */
  readonly #reservations = new Map<number, number>();
  readonly #held = new Map<string, { bytes: number; blocks: number }>();
  #slab: Slab | undefined;
  #instead: BlockSource | undefined;
  #used = 0;
  #idleBytes = 0;
  #peak = 0;
  #reserved = 0;

  /** @param limit most bytes that the pool takes from the device; default no limit of its own */
  constructor(source: MemorySource, limit = Number.POSITIVE_INFINITY) {
    this.#source = source;
    this.#limit = limit;
  }

  /**
   * Memory of at least `bytes`, with any content, aligned to 256.
   *
   * @throws KvfoldError `cuda-out-of-memory` that names what holds the device's memory
   */
  take(bytes: number, holder = "tensors"): Block {
    if (!Number.isSafeInteger(bytes) || bytes < 0) throw new RangeError(`memory of ${bytes} bytes`);
    if (this.#instead !== undefined) return this.#instead.take(bytes, holder);
    const size = sizeClass(bytes);
    const reused = this.#idle.get(size)?.pop();
    if (reused !== undefined) this.#idleBytes -= size;
    const place = reused ?? this.#fresh(size, holder);
    const block = place.holder === holder ? place : { ...place, holder };
    if (block.slab !== undefined) block.slab.held++;
    this.#count(holder, size, 1);
    this.#used += size;
    this.#peak = Math.max(this.#peak, this.#used);
    return block;
  }

  /** Takes a block of {@link take} back; nothing may use it after what is on the stream by now. */
  give(block: Block): void {
    if (block.keeper !== undefined) {
      block.keeper.give(block);
      return;
    }
    const list = this.#idle.get(block.bytes);
    if (list === undefined) this.#idle.set(block.bytes, [block]);
    else list.push(block);
    if (block.slab !== undefined) block.slab.held--;
    this.#count(block.holder, -block.bytes, -1);
    this.#used -= block.bytes;
    this.#idleBytes += block.bytes;
  }

  /** From now on {@link take} asks this one; undefined: as before. @returns the one before */
  askInstead(source: BlockSource | undefined): BlockSource | undefined {
    const before = this.#instead;
    this.#instead = source;
    return before;
  }

  /** Returns idle memory to the device. */
  trim(): void {
    const empty = new Set([...this.#slabs].filter((slab) => slab.held === 0));
    for (const [size, blocks] of this.#idle) {
      const kept = blocks.filter((block) => block.slab !== undefined && !empty.has(block.slab));
      for (const block of blocks) if (block.slab === undefined) this.#release(block.address, block.bytes);
      this.#idleBytes -= (blocks.length - kept.length) * size;
      if (kept.length > 0) this.#idle.set(size, kept);
      else this.#idle.delete(size);
    }
    for (const slab of empty) {
      this.#slabs.delete(slab);
      if (this.#slab === slab) this.#slab = undefined;
      this.#release(slab.address, slabBytes);
    }
  }

  /** Returns everything to the device, also what is held: nothing may use the pool afterwards. */
  releaseAll(): void {
    for (const [address, bytes] of [...this.#reservations]) this.#release(address, bytes);
  }

  /** Bytes in use, kept, at most, and taken from the driver. */
  get figures(): PoolFigures {
    return {
      usedBytes: this.#used,
      idleBytes: this.#idleBytes,
      peakBytes: this.#peak,
      reservedBytes: this.#reserved,
    };
  }

  /** Bytes in use by holder, largest first. */
  get holders(): readonly { readonly holder: string; readonly bytes: number; readonly blocks: number }[] {
    return [...this.#held]
      .filter(([, { blocks }]) => blocks > 0)
      .map(([holder, held]) => ({ holder, ...held }))
      .sort((a, b) => b.bytes - a.bytes);
  }

  #count(holder: string, bytes: number, blocks: number): void {
    const held = this.#held.get(holder) ?? { bytes: 0, blocks: 0 };
    held.bytes += bytes;
    held.blocks += blocks;
    this.#held.set(holder, held);
  }

  /** Memory that no list has. */
  #fresh(size: number, holder: string): Block {
    if (size > largestCut) return { address: this.#acquire(size), bytes: size, holder, slab: undefined };
    if (this.#slab === undefined || this.#slab.used + size > slabBytes) {
      this.#slab = { address: this.#acquire(slabBytes), used: 0, held: 0 };
      this.#slabs.add(this.#slab);
    }
    const slab = this.#slab;
    const address = slab.address + slab.used;
    slab.used += size;
    return { address, bytes: size, holder, slab };
  }

  #acquire(bytes: number): number {
    let address = this.#tryAcquire(bytes);
    if (address === undefined) {
      this.trim();
      address = this.#tryAcquire(bytes);
    }
    if (address === undefined) throw this.#outOfMemory(bytes);
    this.#reservations.set(address, bytes);
    this.#reserved += bytes;
    return address;
  }

  #tryAcquire(bytes: number): number | undefined {
    return this.#reserved + bytes > this.#limit ? undefined : this.#source.alloc(bytes);
  }

  #release(address: number, bytes: number): void {
    this.#source.free(address);
    this.#reservations.delete(address);
    this.#reserved -= bytes;
  }

  #outOfMemory(bytes: number): KvfoldError {
    const { free, total } = this.#source.info();
    const held = this.holders.map((held) => `${size(held.bytes)} in ${held.holder}`).join(", ");
    const limit = Number.isFinite(this.#limit) ? ` The pool is limited to ${size(this.#limit)}.` : "";
    return new KvfoldError(
      "cuda-out-of-memory",
      `The device has no ${size(bytes)} left: ${size(free)} of ${size(total)} are free, and this process holds ` +
        `${held || "nothing"}.${limit} Use smaller batches or texts, compress the cache more, or dispose of tensors.`,
    );
  }
}

/** Bytes for people. */
function size(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  const power = bytes < 1024 ? 0 : Math.min(4, Math.floor(Math.log2(bytes) / 10));
  return `${power === 0 ? bytes : (bytes / 1024 ** power).toFixed(1)} ${units[power]}`;
}
