// Entry points of matrix products.
#include "../entry-point.h"
#include "../kernels/coded-x.h"
#include "../matrix/dense-linear.h"
#include "../matrix/gemm-f32.h"
#include "../system/recorder.h"
#include "packed-layer-args.h"

namespace kvfold {
namespace {

/**
 * matmulF32(a, b, out, batch, m, n, k, transposeA, transposeB, aStep, bStep)
 * a is [m, k], or [k, m] with transposeA; b is [k, n], or [n, k] with transposeB; steps in floats, 0 to repeat.
 */
napi_value MatmulF32(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const Span<float> a = args.floats(0);
  const Span<float> b = args.floats(1);
  const Span<float> out = args.floats(2);
  const int64_t batch = args.size(3), m = args.size(4), n = args.size(5), k = args.size(6);
  const bool transposeA = args.flag(7), transposeB = args.flag(8);
  const int64_t aStep = args.size(9), bStep = args.size(10);
  args.require(rowsFit(a.length, m, k) && rowsFit(b.length, k, n) && rowsFit(out.length, m, n), "matrices do not fit their arrays");
  if (!args.ok()) return nullptr;
  if (m == 0 || n == 0 || batch == 0) return nullptr;
  args.require(batch <= out.length / (m * n) && (k == 0 || (aStep <= (a.length - m * k) / (batch > 1 ? batch - 1 : 1) &&
                                                             bStep <= (b.length - k * n) / (batch > 1 ? batch - 1 : 1))),
               "the batch does not fit its arrays");
  if (!args.ok()) return nullptr;
  const MatrixF32 left = transposeA ? MatrixF32{a.data, 1, m} : MatrixF32{a.data, k, 1};
  const MatrixF32 right = transposeB ? MatrixF32{b.data, 1, k} : MatrixF32{b.data, n, 1};
  const auto multiply = [=] { return gemmF32(left, right, out.data, m, n, k, batch, aStep, bStep); };
  args.require(perform(multiply), "out of memory");
  return nullptr;
}

/**
 * packedLinear(format, weights, bias | undefined, outputs, inputs, x, rows, y)
 * format by its place in WeightFormat; weights are whole rows of blocks.
 */
napi_value PackedLinearRows(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const int64_t inputs = args.size(4);
  const PackedLinear layer = packedLayerArg(args, 0, inputs);
  const Span<float> x = args.floats(5);
  const int64_t rows = args.size(6);
  const Span<float> y = args.floats(7);
  args.require(rowsFit(x.length, rows, inputs) && rowsFit(y.length, rows, layer.outputs), "x or y does not fit its array");
  if (!args.ok()) return nullptr;
  args.require(perform([=] { return packedLinear(layer, x.data, rows, y.data); }), "out of memory");
  return nullptr;
}

/** denseLinear(x, rows, weight [inputs, outputs], inputs, outputs, bias | undefined, y) */
napi_value DenseLinearRows(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const Span<float> x = args.floats(0);
  const int64_t rows = args.size(1);
  const Span<float> weight = args.floats(2);
  const int64_t inputs = args.size(3), outputs = args.size(4);
  const Span<float> bias = args.optionalFloats(5);
  const Span<float> y = args.floats(6);
  args.require(rowsFit(x.length, rows, inputs) && rowsFit(weight.length, inputs, outputs) && rowsFit(y.length, rows, outputs) &&
                   (bias.data == nullptr || bias.length >= outputs),
               "x, weight, bias or y does not fit its array");
  if (!args.ok()) return nullptr;
  const auto multiply = [=] { return denseLinear(x.data, rows, weight.data, inputs, outputs, bias.data, y.data); };
  args.require(perform(multiply), "out of memory");
  return nullptr;
}

/** setActivationDigits(0 to 3) */
napi_value SetActivationDigits(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const int64_t digits = args.size(0);
  args.require(digits <= maximumDigits, "there are at most 3 digits");
  if (args.ok()) setActivationDigits(static_cast<int>(digits));
  return nullptr;
}

/** setMatmulPrecision(place in MatmulPrecision) */
napi_value SetMatmulPrecision(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const int64_t precision = args.size(0);
  args.require(precision <= static_cast<int64_t>(MatmulPrecision::bf16), "there is no such precision");
  if (args.ok()) setMatmulPrecision(static_cast<MatmulPrecision>(precision));
  return nullptr;
}

const EntryPoint entries[] = {
    {"setMatmulPrecision", SetMatmulPrecision},
    {"setActivationDigits", SetActivationDigits},
    {"denseLinear", DenseLinearRows},
    {"packedLinear", PackedLinearRows},
    {"matmulF32", MatmulF32},
};

}  // namespace

extern const EntryTable matrixEntries;
const EntryTable matrixEntries = entryTable(entries);

}  // namespace kvfold
