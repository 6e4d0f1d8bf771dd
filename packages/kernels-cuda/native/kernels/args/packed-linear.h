// Products of few rows with packed weights: decoding.
#pragma once
#include <cstdint>

namespace kvfold {

/** The order is that of kernels-cpu. */
enum class WeightFormat : int32_t { f32, bf16, f16, q8_0, q4_0, q4_1, q5_0, q5_1, q4_k, q6_k };

constexpr int32_t weightFormatCount = 10;
constexpr int32_t mostPlanes = 4;

/** A part of every block that becomes an array of its own. */
struct BlockPart {
  int32_t offset;  // bytes in the block
  int32_t bytes;
};

/**
 * How blocks of a format, as GGUF files hold them, are taken apart on the device, because their sizes would keep loads from
 * being aligned: `kvfold_split_blocks` makes plane p of part p of all blocks, `[outputs, inputs / values, bytes]`. No bit is
 * lost and no byte is added. Plain formats and q4_k (whose blocks are whole multiples of 16 bytes) stay as they are.
 */
struct BlockParts {
  int32_t values;
  int32_t bytes;
  int32_t parts;
  BlockPart part[mostPlanes];
};

constexpr BlockParts blockParts(WeightFormat format) {
  switch (format) {
    case WeightFormat::f32: return {1, 4, 1, {{0, 4}}};
    case WeightFormat::bf16: return {1, 2, 1, {{0, 2}}};
    case WeightFormat::f16: return {1, 2, 1, {{0, 2}}};
    case WeightFormat::q8_0: return {32, 34, 2, {{2, 32}, {0, 2}}};                           // values, scale
    case WeightFormat::q4_0: return {32, 18, 2, {{2, 16}, {0, 2}}};                           // values, scale
    case WeightFormat::q4_1: return {32, 20, 2, {{4, 16}, {0, 4}}};                           // values, scale and minimum
    case WeightFormat::q5_0: return {32, 22, 3, {{6, 16}, {0, 2}, {2, 4}}};                   // values, scale, fifth bits
    case WeightFormat::q5_1: return {32, 24, 3, {{8, 16}, {0, 4}, {4, 4}}};                   // values, scale, minimum, bits
    case WeightFormat::q4_k: return {256, 144, 1, {{0, 144}}};
    case WeightFormat::q6_k: return {256, 210, 4, {{0, 128}, {192, 16}, {128, 64}, {208, 2}}};  // low, scales, high, scale
  }
  return {};
}

/** `kvfold_split_blocks`. Grid `[ceil(blocks * bytes of the largest part / 4096), parts]`, block 256. */
struct SplitBlocksArgs {
  uint64_t from;                // [blocks, bytes]
  uint64_t planes[mostPlanes];  // written
  int64_t blocks;
  BlockParts parts;
};

/** Rows of the weight that a block makes, and rows of x that share one reading of the weight. */
constexpr int32_t packedLinearOutputs = 32;
constexpr int32_t packedLinearTokens = 8;
constexpr unsigned packedLinearThreads = 256;

/**
 * `kvfold_packed_linear_exact_<format>`: y = x weight^T + bias + residual for few rows of x; from about 64 rows on
 * `kvfold_unpack_<format>` and a product are faster. Grid `[ceil(outputs / packedLinearOutputs), ceil(tokens /
 * packedLinearTokens)]`, block `packedLinearThreads`. All numbers count whole, sums are float32; a row's result does not depend
 * on the others. `kvfold_packed_linear_<format>` does the same with 16 bits of each number of x and of float32 weights. x and
 * weight rows start at multiples of 16 bytes, `inputs` is a multiple of 32; plain formats otherwise go through
 * `kvfold_unpack_*`.
 */
struct PackedLinearArgs {
  uint64_t x;                   // float32 [tokens, inputs]
  uint64_t planes[mostPlanes];  // of the weight [outputs, inputs]
  uint64_t bias;                // float32 [outputs]; 0: none
  uint64_t residual;            // float32 [tokens, outputs], may be y; 0: none
  uint64_t y;                   // float32 [tokens, outputs], written
  int32_t tokens;
  int32_t inputs;
  int32_t outputs;
};

/**
 * `kvfold_unpack_<format>`: a weight to bf16 (for `kvfold_gemm_nt_*`) or float32. Grid `ceil(outputs * inputs / 8192)`, block
 * 256: each thread takes units of 32 values. `inputs` is a multiple of 32 (of 1 for plain formats, which take 1 value a unit).
 */
struct UnpackArgs {
  uint64_t planes[mostPlanes];
  uint64_t outBf16;   // bf16 [outputs, inputs], written; 0: not wanted
  uint64_t outFloat;  // float32 [outputs, inputs], written; 0: not wanted
  int64_t outputs;
  int32_t inputs;
};

}  // namespace kvfold
