import type { StoreSnapshot } from "@kvfold/kv-cache";
import type { NativeAddon } from "../native-addon.js";
import type { StoreHandle } from "./store-entries.js";

/** A snapshot of a native store: holds its pages, which a store that goes on writing then copies. */
export class NativeSnapshot implements StoreSnapshot {
  readonly handle: StoreHandle;
  readonly rows: number;
  private readonly addon: NativeAddon;
  private disposed = false;

  constructor(addon: NativeAddon, handle: StoreHandle, rows: number) {
    this.addon = addon;
    this.handle = handle;
    this.rows = rows;
  }

  buffers(): ReadonlyMap<object | number, number> {
    return this.disposed ? new Map() : pagesOf(this.addon, this.handle);
  }

  dispose(): void {
    if (this.disposed) return;
    this.addon.storeDispose(this.handle);
    this.disposed = true;
  }
}

/** Memory behind a store or snapshot: what only it holds under its own identity, shared pages under their address. */
export function pagesOf(addon: NativeAddon, handle: StoreHandle): Map<object | number, number> {
  const [own, , ...shared] = addon.storeBytes(handle) as unknown as [number, number, ...number[]];
  const pages = new Map<object | number, number>();
  if (own > 0) pages.set(handle, own);
  for (let i = 0; i < shared.length; i += 2) pages.set(shared[i] as number, shared[i + 1] as number);
  return pages;
}
