import * as tf from "@tensorflow/tfjs-core";
import { KvfoldError } from "../errors/kvfold-error.js";
import { inverseFrequencies, type RopeFrequencies } from "./inverse-frequencies.js";
import type { RopeDescriptor } from "./rope-descriptor.js";

/** Cosines and sines of rotary angles, `[...shape, rotaryDim / 2]` float32; owned by the {@link Rope} that made them. */
export interface RopeAngles {
  readonly cos: tf.Tensor;
  readonly sin: tf.Tensor;
}

/** Options of {@link Rope.angles}. */
export interface RopeAnglesOptions {
  /** Leading dimensions of the result, for example `[batch, tokens]`; their product is the number of positions. */
  readonly shape?: readonly number[];
  /** Tokens of the whole forward pass; used by `dynamic` scaling only. Default: largest position + 1. */
  readonly length?: number;
}

interface Remembered extends RopeAngles {
  readonly positions: Int32Array;
  readonly shape: readonly number[];
  readonly length: number;
  readonly backend: string;
}

/** Requests whose tensors stay alive: enough for queries and keys that ask by turns, few enough to stay small. */
const remembered = 4;

/**
 * Makes the cosines and sines that the `rope` kernel takes, for the positions that are asked for. All layers of a model
 * share one Rope: they ask for the same positions in every step, and only the first one pays.
 */
export class Rope implements Disposable {
  readonly descriptor: RopeDescriptor;
  readonly #requests: Remembered[] = [];
  #frequencies: (RopeFrequencies & { readonly length: number }) | undefined;

  /** @throws KvfoldError `rope-descriptor` when a field is out of range */
  constructor(descriptor: RopeDescriptor) {
    this.descriptor = descriptor;
    this.#frequenciesFor(descriptor.maxPositions);
  }

  /**
   * Cosines and sines, computed in double precision and then rounded. The tensors belong to this Rope: do not dispose
   * them. They stay valid until four requests with other positions have followed (a recorded gradient keeps its own
   * reference) or until {@link dispose}.
   *
   * @param positions logical positions, each at least 0; `[n]`, or `[batch * tokens]` row by row with `shape`
   */
  angles(positions: Int32Array, options: RopeAnglesOptions = {}): RopeAngles {
    const shape = options.shape ?? [positions.length];
    const length = this.#lengthOf(positions, options.length);
    const backend = tf.getBackend();
    const index = this.#requests.findIndex(
      (r) =>
        r.backend === backend &&
        r.length === length &&
        !r.cos.isDisposed &&
        sameNumbers(r.shape, shape) &&
        sameNumbers(r.positions, positions),
    );
    const found = index < 0 ? this.#compute(positions, shape, length, backend) : this.#requests.splice(index, 1)[0];
    this.#requests.unshift(found as Remembered);
    for (const old of this.#requests.splice(remembered)) tf.dispose([old.cos, old.sin]);
    return found as Remembered;
  }

  /** Frees the remembered tensors; the Rope can be used again. */
  dispose(): void {
    for (const { cos, sin } of this.#requests.splice(0)) tf.dispose([cos, sin]);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #lengthOf(positions: Int32Array, asked: number | undefined): number {
    let largest = -1;
    for (const position of positions) {
      if (position < 0) throw new KvfoldError("rope-positions", `Positions must be at least 0; got ${position}.`);
      if (position > largest) largest = position;
    }
    // Lengths up to maxPositions, and all lengths of the other scalings, share their frequencies.
    const { scaling, maxPositions } = this.descriptor;
    return scaling.type === "dynamic" ? Math.max(asked ?? largest + 1, maxPositions) : maxPositions;
  }

  #frequenciesFor(length: number): RopeFrequencies {
    if (this.#frequencies?.length !== length) {
      this.#frequencies = { ...inverseFrequencies(this.descriptor, length), length };
    }
    return this.#frequencies;
  }

  #compute(positions: Int32Array, shape: readonly number[], length: number, backend: string): Remembered {
    if (tf.util.sizeFromShape([...shape]) !== positions.length) {
      throw new KvfoldError(
        "rope-positions",
        `The shape [${shape}] holds ${tf.util.sizeFromShape([...shape])} positions; got ${positions.length}.`,
      );
    }
    const { inverseFrequencies: frequencies, attentionScaling } = this.#frequenciesFor(length);
    const half = frequencies.length;
    const cos = new Float32Array(positions.length * half);
    const sin = new Float32Array(positions.length * half);
    positions.forEach((position, row) => {
      frequencies.forEach((frequency, i) => {
        cos[row * half + i] = Math.cos(position * frequency) * attentionScaling;
        sin[row * half + i] = Math.sin(position * frequency) * attentionScaling;
      });
    });
    return {
      cos: tf.keep(tf.tensor(cos, [...shape, half])),
      sin: tf.keep(tf.tensor(sin, [...shape, half])),
      positions: positions.slice(),
      shape: [...shape],
      length,
      backend,
    };
  }
}

function sameNumbers(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
