import * as tf from "@tensorflow/tfjs-core";

/** What this kernel uses of the wasm backend of TensorFlow.js. */
interface WasmBackend {
  makeOutput(shape: readonly number[], dtype: tf.DataType): tf.TensorInfo;
  /** A view of a tensor's memory; the next allocation may invalidate it. */
  typedArrayFromHeap(x: tf.TensorInfo): Float32Array | Int32Array | Uint8Array;
}

/**
 * Replaces the `Slice` kernel of the wasm backend, which copies the whole input out of the heap before it takes a part:
 * reading one lane of a cache cost as much as the cache. Here only the part is copied.
 */
export function replaceWasmSlice(): void {
  const original = tf.getKernel("Slice", "wasm");
  if (!original || original.kernelFunc === wasmSlice) return;
  originalSlice = original.kernelFunc;
  tf.unregisterKernel("Slice", "wasm");
  tf.registerKernel({ ...original, kernelFunc: wasmSlice });
}

let originalSlice: tf.KernelFunc;

function wasmSlice(args: Parameters<tf.KernelFunc>[0]): ReturnType<tf.KernelFunc> {
  const x = args.inputs.x as tf.TensorInfo;
  if (x.dtype === "string" || x.dtype === "complex64") return originalSlice(args);
  const attrs = args.attrs as unknown as tf.SliceAttrs;
  const [begin, size] = tf.slice_util.parseSliceParams(x as tf.Tensor, attrs.begin, attrs.size) as [number[], number[]];
  const backend = args.backend as unknown as WasmBackend;
  const out = backend.makeOutput(size, x.dtype); // first: it may move the heap
  copyPart(backend.typedArrayFromHeap(x), x.shape, begin, size, backend.typedArrayFromHeap(out));
  return out;
}

/** Copies runs that are contiguous in the input: the trailing axes that are taken in full, and the one before them. */
function copyPart(
  from: Float32Array | Int32Array | Uint8Array,
  shape: readonly number[],
  begin: readonly number[],
  size: readonly number[],
  to: Float32Array | Int32Array | Uint8Array,
): void {
  if (to.length === 0) return;
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, n) => product * n, 1));
  let outer = Math.max(0, shape.length - 1); // axes before this one are walked index by index
  while (outer > 0 && size[outer] === shape[outer]) outer--;
  const run = (size[outer] ?? 1) * (strides[outer] ?? 1);
  let start = begin.reduce((sum, first, i) => sum + first * (strides[i] as number), 0);
  const index = new Array<number>(outer).fill(0);
  for (let written = 0; ; ) {
    to.set(from.subarray(start, start + run), written);
    written += run;
    if (written >= to.length) return;
    for (let a = index.length - 1; a >= 0; a--) {
      index[a] = (index[a] as number) + 1;
      start += strides[a] as number;
      if ((index[a] as number) < (size[a] as number)) break;
      start -= (size[a] as number) * (strides[a] as number);
      index[a] = 0;
    }
  }
}
