// Entry points of a decoder layer's fused products.
#include "../entry-point.h"
#include "../matrix/gated-mlp.h"
#include "../matrix/linear-group.h"
#include "../system/recorder.h"
#include "packed-layer-args.h"

namespace kvfold {
namespace {

/** Reads `(weight | undefined, offset, epsilon)`. */
InputNorm normArg(Args& args, int first, int64_t dim) {
  const Span<float> weight = args.optionalFloats(first);
  const float offset = static_cast<float>(args.number(first + 1)), epsilon = static_cast<float>(args.number(first + 2));
  args.require(weight.data == nullptr || weight.length == dim, "the norm's weight does not fit x");
  return {weight.data, offset, epsilon};
}

/**
 * normLinears(x, rows, inputs, norm weight, offset, epsilon, normed, count, then for each layer: format, weights,
 * bias | undefined, outputs, y): normed = rmsNorm(x), y = normed weights^T + bias.
 */
napi_value NormLinears(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const Span<float> x = args.floats(0);
  const int64_t rows = args.size(1), inputs = args.size(2);
  const InputNorm norm = normArg(args, 3, inputs);
  const Span<float> normed = args.floats(6);
  const int64_t count = args.size(7);
  args.require(norm.weight != nullptr && count >= 1 && count <= maximumGroup, "there is no norm, or no such number of layers");
  args.require(rowsFit(x.length, rows, inputs) && rowsFit(normed.length, rows, inputs), "x does not fit its array");
  if (!args.ok()) return nullptr;
  LinearGroup group = {};
  group.count = static_cast<int>(count);
  for (int i = 0; i < group.count; i++) {
    const int first = 8 + i * (packedLayerArgs + 1);
    group.layers[i] = packedLayerArg(args, first, inputs);
    const Span<float> y = args.floats(first + packedLayerArgs);
    group.y[i] = y.data;
    args.require(rowsFit(y.length, rows, group.layers[i].outputs), "y does not fit its array");
    if (!args.ok()) return nullptr;
  }
  if (rows == 0) return nullptr;
  const auto run = [=] {
    normRows(norm, x.data, rows, inputs, normed.data);
    return linearGroup(group, normed.data, rows);
  };
  args.require(perform(run), "out of memory");
  return nullptr;
}

/** linearOnto(x, rows, inputs, format, weights, bias | undefined, outputs, residual, y): y = residual + x weights^T + bias */
napi_value LinearOnto(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const Span<float> x = args.floats(0);
  const int64_t rows = args.size(1), inputs = args.size(2);
  const PackedLinear layer = packedLayerArg(args, 3, inputs);
  const Span<float> residual = args.floats(7), y = args.floats(8);
  args.require(rowsFit(x.length, rows, inputs) && rowsFit(residual.length, rows, layer.outputs) &&
                   rowsFit(y.length, rows, layer.outputs),
               "x, residual or y does not fit its array");
  if (!args.ok() || rows == 0) return nullptr;
  const auto run = [=] { return linearOnto(layer, x.data, rows, residual.data, y.data); };
  args.require(perform(run), "out of memory");
  return nullptr;
}

/** gatedMlp(x, rows, dim, norm weight | undefined, offset, epsilon, activation, gate, up and down as layers, y) */
napi_value GatedMlpRows(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const Span<float> x = args.floats(0);
  const int64_t rows = args.size(1), dim = args.size(2);
  const InputNorm norm = normArg(args, 3, dim);
  const int64_t activation = args.size(6);
  args.require(activation < activationCount, "there is no such activation");
  const PackedLinear gate = packedLayerArg(args, 7, dim);
  const PackedLinear up = packedLayerArg(args, 7 + packedLayerArgs, dim);
  const PackedLinear down = packedLayerArg(args, 7 + 2 * packedLayerArgs, gate.outputs);
  const Span<float> y = args.floats(7 + 3 * packedLayerArgs);
  args.require(up.outputs == gate.outputs && down.outputs == dim, "gate, up and down do not fit each other");
  args.require(rowsFit(x.length, rows, dim) && rowsFit(y.length, rows, dim), "x or y does not fit its array");
  if (!args.ok() || rows == 0) return nullptr;
  const GatedMlp mlp = {gate, up, down, static_cast<Activation>(activation), norm};
  args.require(perform([=] { return gatedMlp(mlp, x.data, rows, y.data); }), "out of memory");
  return nullptr;
}

const EntryPoint entries[] = {
    {"normLinears", NormLinears},
    {"linearOnto", LinearOnto},
    {"gatedMlp", GatedMlpRows},
};

}  // namespace

extern const EntryTable decoderEntries;
const EntryTable decoderEntries = entryTable(entries);

}  // namespace kvfold
