import * as tf from "@tensorflow/tfjs-core";
import type { Output } from "../native-backend.js";

/** No window, no band. */
export const noLimit = 2 ** 31;

/** A tensor of the backend around an output. */
export function tensorOf<T extends tf.Tensor>(output: Output<unknown>): T {
  return tf.engine().makeTensorFromTensorInfo(output.info) as T;
}

/** The same memory as whole numbers. */
export function bitsOf(values: Float32Array | Int32Array): Int32Array {
  return values instanceof Int32Array ? values : new Int32Array(values.buffer, values.byteOffset, values.length);
}

/** Whether a column holds int32 positions, not float32. */
export function isIndex(column: string): boolean {
  return column === "position" || column === "until";
}

/** A limit as the addon takes it. */
export function limitOf(limit: number | undefined): number {
  return limit === undefined ? noLimit : Math.min(Math.ceil(limit), noLimit);
}

/** A count as the addon takes it. */
export function wholeNumber(value: number): number {
  return value > 0 ? Math.min(Math.floor(value), noLimit - 1) : 0;
}
