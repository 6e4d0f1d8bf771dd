import type { IgnoreRule } from "./classify-failures.js";

/** `kernel` is absent; specs that expect another error from the op see the engine's "not registered" instead. */
function missing(kernel: string, reason: string): IgnoreRule {
  return { error: new RegExp(`[Kk]ernel '${kernel}' not registered for backend 'wasm'`), reason };
}

/** What `@tensorflow/tfjs-backend-wasm` 4.22.0 cannot do, of what TensorFlow.js's own specs ask. */
export const wasmIgnore: readonly IgnoreRule[] = [
  missing("Complex", "wasm has no complex numbers, and so no FFT"),
  missing("UnsortedSegmentSum", "TensorFlow.js's gradient of gather needs it (tensorflow/tfjs#8082)"),
  missing("Einsum", "wasm has no einsum; a product of batches is written with matMul"),
  missing("RaggedTensorToTensor", "the ragged ops exist on the cpu backend only"),
  missing("RaggedRange", "the ragged ops exist on the cpu backend only"),
  missing("RaggedGather", "the ragged ops exist on the cpu backend only"),
  missing("Conv2DBackpropFilter", "no gradient of a convolution by its filter (tensorflow/tfjs#8474)"),
  missing("DepthwiseConv2dNativeBackprop(Input|Filter)", "no gradient of a depthwise convolution"),
  missing("StaticRegexReplace", "wasm has no string tensors"),
  { error: /Unknown dtype string/, reason: "wasm has no string tensors: it cannot read a scalar out of one" },
  {
    spec: /should support string comparison/,
    error: /Arrays differ/,
    reason: "string tensors are compared as addresses",
  },
  {
    spec: /^(sparseToDense|tile) .*string/,
    error: /Aborted\(\)/,
    reason: "a string tensor given to C++ aborts the module",
  },
  { error: /does not support dataFormat:'(NCHW|channelsFirst)'/, reason: "convolutions take NHWC only" },
  { error: /only supports rank-1 bias/, reason: "fused kernels take a bias of rank 1 only" },
  { error: /BatchMatMul for non non-float32 tensors/, reason: "matMul takes float32 only" },
  {
    spec: /^(customGradient|logSoftmax|fused (depthwiseC|c)onv2[dD]) /,
    error: /internal memory leak/,
    reason: "clone copies the data on wasm, and the engine's leak check counts each saved clone as a leak",
  },
  {
    spec: /^gradient registry /,
    error: /Expected \$\.id = \d+ to equal \d+/,
    reason: "the spec expects a saved tensor to share its data with the input; clone copies on wasm",
  },
  {
    spec: /^logSigmoid .*gradient with clones/,
    error: /reading 'backend'/,
    reason: "the op's gradient reads an input that it did not save; that lives on only where clone shares its data",
  },
  { spec: /^clipByValue /, error: /expected\[\d\] = NaN/, reason: "clipByValue turns NaN into the lower bound" },
  {
    spec: /^tensor wasm \{\} Tensor2D (float32|int32) -> bool/,
    error: /Arrays differ/,
    reason: "a cast to bool keeps the low byte instead of 0 or 1; notEqual(x, 0) is right",
  },
  {
    spec: /^slice2d .*out of bounds/,
    error: /to throw/,
    reason: "slice does not check its bounds and reads what lies there",
  },
  {
    spec: /^threshold .*otsu/,
    error: /could not be broadcast/,
    reason: "the histogram of the image comes back in a shape that does not broadcast",
  },
  {
    spec: /^pool .*fractional outputs default rounding/,
    error: /Arrays differ/,
    reason: "pooling whose output size is not whole reads past its input",
  },
];
