import type { StoreSnapshot } from "@kvfold/kv-cache";
import type { LaneList } from "./lane-list.js";

/** A snapshot of a store: lanes that hold the same pages. */
export class CudaSnapshot implements StoreSnapshot {
  readonly list: LaneList;
  #disposed = false;

  constructor(list: LaneList) {
    this.list = list;
  }

  buffers(): ReadonlyMap<object | number, number> {
    return this.#disposed ? new Map() : pagesOf(this.list);
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.list.dispose();
  }
}

/** Numbers of memories, so that pages of different sizes have different names. */
const numbers = new WeakMap<object, number>();
let next = 1;

/** Memory behind lanes: their merging state under its own identity, pages under their number. Waits for the device. */
export function pagesOf(list: LaneList): Map<object | number, number> {
  const { memory } = list;
  const memoryNumber = numbers.get(memory) ?? next++;
  numbers.set(memory, memoryNumber);
  const pages = new Map<object | number, number>();
  if (list.states !== undefined) pages.set(list.states, list.states.bytes);
  for (const page of list.hostPages()) pages.set(memoryNumber * 2 ** 32 + page, memory.pageBytes);
  return pages;
}
