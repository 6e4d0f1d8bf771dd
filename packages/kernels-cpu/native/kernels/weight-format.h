// How packed weights lie in memory: the plain types, and blocks as GGUF files hold them.
#pragma once
#include <cstdint>

namespace kvfold {

/** The order is that of `weightFormats` in src/weight-format.ts. */
enum class WeightFormat { f32, bf16, f16, q8_0, q4_0, q4_1, q5_0, q5_1, q4_k, q6_k };

constexpr int weightFormatCount = 10;

struct BlockSize {
  int values;
  int bytes;
};

/** Values and bytes of one block; a plain type's block is one value. */
constexpr BlockSize blockSizeOf(WeightFormat format) {
  switch (format) {
    case WeightFormat::f32: return {1, 4};
    case WeightFormat::bf16: return {1, 2};
    case WeightFormat::f16: return {1, 2};
    case WeightFormat::q8_0: return {32, 34};   // scale f16, 32 int8
    case WeightFormat::q4_0: return {32, 18};   // scale f16, 16 bytes of two values less 8
    case WeightFormat::q4_1: return {32, 20};   // scale f16, minimum f16, 16 bytes
    case WeightFormat::q5_0: return {32, 22};   // scale f16, 32 fifth bits, 16 bytes; less 16
    case WeightFormat::q5_1: return {32, 24};   // scale f16, minimum f16, 32 fifth bits, 16 bytes
    case WeightFormat::q4_k: return {256, 144};  // scale f16, scale of minima f16, 8 x (6 + 6) bits, 128 bytes
    case WeightFormat::q6_k: return {256, 210};  // 128 bytes low, 64 bytes high, 16 scales int8, scale f16; less 32
  }
  return {1, 1};
}

constexpr int64_t rowBytesOf(WeightFormat format, int64_t values) {
  const BlockSize block = blockSizeOf(format);
  return values / block.values * block.bytes;
}

}  // namespace kvfold
