#include "packed-layer-args.h"

namespace kvfold {

PackedLinear packedLayerArg(Args& args, int first, int64_t inputs) {
  const int64_t format = args.size(first);
  const Span<uint8_t> weights = args.bytes(first + 1);
  const Span<float> bias = args.optionalFloats(first + 2);
  const int64_t outputs = args.size(first + 3);
  args.require(format < weightFormatCount, "there is no such weight format");
  if (!args.ok()) return {};
  const PackedLinear layer = {static_cast<WeightFormat>(format), weights.data, outputs, inputs, bias.data};
  constexpr int64_t limit = int64_t{1} << 40;  // keeps the byte count of a row in range
  args.require(inputs < limit && inputs % blockSizeOf(layer.format).values == 0, "rows must be whole blocks");
  if (!args.ok()) return {};
  const int64_t rowBytes = rowBytesOf(layer.format, inputs);
  args.require(outputs == 0 || rowBytes == 0 || outputs <= weights.length / rowBytes, "weights do not fit their array");
  args.require(bias.data == nullptr || bias.length >= outputs, "bias does not fit its array");
  return layer;
}

}  // namespace kvfold
