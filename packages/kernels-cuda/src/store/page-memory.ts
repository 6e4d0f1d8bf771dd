import type { CudaEngine } from "../engine/cuda-engine.js";
import type { Block } from "../engine/memory-pool.js";

/** Lanes whose pages come from a memory: what they may hold at most, and how to find out what they hold. */
export interface PageHolder {
  /** An upper bound of the pages that the lanes hold. */
  readonly claimed: number;
  /** Waits for the device and makes the bound exact. */
  refresh(): void;
}

/** Holder of device memory, as errors name it. */
const holder = "cache pages";
/** Room for growth, so that a memory is not copied often. */
const growth = 1.5;
const fewest = 64;

/**
 * Pages of one size for all stores of an engine. Which pages are free is known on the device alone: kernels take pages and
 * give them back. The host only sees to it that there are always enough, from upper bounds of what lanes hold.
 */
export class PageMemory {
  readonly pageBytes: number;
  readonly engine: CudaEngine;
  readonly #holders = new Set<PageHolder>();
  #capacity = 0;
  #pages: Block | undefined;
  /** Free page ids, holders of each page, and two numbers: free pages, failures. */
  #free: Block | undefined;
  #held: Block | undefined;
  #numbers: Block | undefined;

  constructor(engine: CudaEngine, pageBytes: number) {
    this.engine = engine;
    this.pageBytes = pageBytes;
  }

  /** `PagePool` of native/kernels/args/page-pool.h. */
  get pool() {
    const numbers = this.#numbers?.address ?? 0;
    return {
      freePages: this.#free?.address ?? 0,
      freeCount: numbers,
      failures: numbers === 0 ? 0 : numbers + 4,
      holders: this.#held?.address ?? 0,
    };
  }

  get pages(): number {
    return this.#pages?.address ?? 0;
  }

  /** Pages that lanes and snapshots hold; waits for the device. */
  get usedPages(): number {
    return this.#capacity - this.#freeCount;
  }

  add(lanes: PageHolder): void {
    this.#holders.add(lanes);
  }

  /** Takes lanes out whose pages were given back; the last ones take the memory with them. */
  remove(lanes: PageHolder): void {
    this.#holders.delete(lanes);
    if (this.#holders.size > 0 || this.engine.disposed) return;
    for (const block of [this.#pages, this.#free, this.#held, this.#numbers]) {
      if (block !== undefined) this.engine.pool.give(block);
    }
    this.#pages = this.#free = this.#held = this.#numbers = undefined;
    this.#capacity = 0;
  }

  /** Sees to it that all lanes may hold what they claim, and `extra` pages for a moment. */
  ensure(extra = 0): void {
    if (this.#claimed + extra <= this.#capacity) return;
    for (const lanes of this.#holders) lanes.refresh();
    const wanted = this.#claimed + extra;
    if (wanted > this.#capacity) this.#grow(Math.max(fewest, Math.ceil(wanted * growth)));
  }

  /** Makes the memory so large at once, where it is smaller: growing copies, and needs both for a moment. */
  reserve(pages: number): void {
    if (pages > this.#capacity) this.#grow(pages);
  }

  get #claimed(): number {
    let sum = 0;
    for (const { claimed } of this.#holders) sum += claimed;
    return sum;
  }

  get #freeCount(): number {
    if (this.#numbers === undefined) return 0;
    const numbers = new Int32Array(2);
    this.engine.download(this.#numbers.address, numbers);
    if (numbers[1] !== 0) throw new Error(`${numbers[1]} lanes found no free page; this is a bug of kvfold`);
    return numbers[0] as number;
  }

  #grow(capacity: number): void {
    const { engine } = this;
    const free = new Int32Array(this.#freeCount);
    if (this.#free !== undefined) engine.download(this.#free.address, free);
    const fresh = Int32Array.from({ length: capacity - this.#capacity }, (_, i) => capacity - 1 - i);
    const pages = this.#enlarged(this.#pages, this.#capacity * this.pageBytes, capacity * this.pageBytes);
    const held = this.#enlarged(this.#held, 4 * this.#capacity, 4 * capacity);
    engine.fillWords(held.address + 4 * this.#capacity, 0, capacity - this.#capacity);
    if (this.#free !== undefined) engine.pool.give(this.#free);
    this.#free = engine.pool.take(4 * capacity, holder);
    engine.upload(this.#free.address, Int32Array.of(...free, ...fresh));
    this.#numbers ??= engine.pool.take(8, holder);
    engine.upload(this.#numbers.address, Int32Array.of(free.length + fresh.length, 0));
    [this.#pages, this.#held, this.#capacity] = [pages, held, capacity];
  }

  /** A larger block with the content of the one before. */
  #enlarged(old: Block | undefined, oldBytes: number, bytes: number): Block {
    const block = this.engine.pool.take(bytes, holder);
    if (old !== undefined) {
      this.engine.copy(block.address, old.address, oldBytes);
      this.engine.pool.give(old);
    }
    return block;
  }
}

const memories = new WeakMap<CudaEngine, Map<number, PageMemory>>();

/** The memory of pages of one size. */
export function pageMemory(engine: CudaEngine, pageBytes: number): PageMemory {
  const ofEngine = memories.get(engine) ?? new Map<number, PageMemory>();
  memories.set(engine, ofEngine);
  const found = ofEngine.get(pageBytes) ?? new PageMemory(engine, pageBytes);
  ofEngine.set(pageBytes, found);
  return found;
}

/** Bytes of all pages of an engine that lanes and snapshots hold; waits for the device. */
export function usedPageBytes(engine: CudaEngine): number {
  let sum = 0;
  for (const memory of memories.get(engine)?.values() ?? []) sum += memory.usedPages * memory.pageBytes;
  return sum;
}
