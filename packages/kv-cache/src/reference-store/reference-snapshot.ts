import * as tf from "@tensorflow/tfjs-core";
import type { StoreSnapshot, StoreState } from "../store.js";
import { tensorBytes } from "../tensor-bytes.js";

/** A snapshot of the reference store: handles on its tensors, which it never changes in place. */
export class ReferenceSnapshot implements StoreSnapshot {
  readonly state: StoreState;

  /** @param state taken over */
  constructor(state: StoreState) {
    this.state = state;
  }

  buffers(): ReadonlyMap<object, number> {
    return new Map(Object.values(this.state.tensors).map((tensor) => [tensor.dataId, tensorBytes(tensor)]));
  }

  dispose(): void {
    tf.dispose(Object.values(this.state.tensors));
  }
}
