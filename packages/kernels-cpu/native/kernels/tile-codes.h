// The codes of packed weights by 32, which share a factor and, in some formats, a minimum: value = factor x code + minimum.
#pragma once
#include "weight-decode.h"

namespace kvfold::KVFOLD_ISA {
namespace {

/** `codes` gives the whole numbers of 32 values, `factors` what they are multiplied by and what is added. */
template <WeightFormat format>
struct TileCodes;

/** Formats of which a block is 32 values. */
template <WeightFormat format, int minimumAt>
struct BlockFactors {
  KVFOLD_INLINE const uint8_t* block(const uint8_t* row, int64_t depth) { return row + depth * blockSizeOf(format).bytes; }
  KVFOLD_INLINE void factors(const uint8_t* row, int64_t depth, float& factor, float& minimum) {
    factor = halfAt(block(row, depth));
    minimum = minimumAt == 0 ? 0 : halfAt(block(row, depth) + minimumAt);
  }
};

template <>
struct TileCodes<WeightFormat::q8_0> : BlockFactors<WeightFormat::q8_0, 0> {
  KVFOLD_INLINE void codes(const uint8_t* row, int64_t depth, F* w) { Weights<WeightFormat::q8_0>::codes(row, depth, w); }
};

template <>
struct TileCodes<WeightFormat::q4_0> : BlockFactors<WeightFormat::q4_0, 0> {
  KVFOLD_INLINE void codes(const uint8_t* row, int64_t depth, F* w) { decodeNibbles(block(row, depth) + 2, all(1), all(-8), w); }
};

template <>
struct TileCodes<WeightFormat::q4_1> : BlockFactors<WeightFormat::q4_1, 2> {
  KVFOLD_INLINE void codes(const uint8_t* row, int64_t depth, F* w) { decodeNibbles(block(row, depth) + 4, all(1), all(0), w); }
};

template <>
struct TileCodes<WeightFormat::q5_0> : BlockFactors<WeightFormat::q5_0, 0> {
  KVFOLD_INLINE void codes(const uint8_t* row, int64_t depth, F* w) {
    const uint8_t* at = block(row, depth);
    decodeFiveBits(at + 6, loadAs<uint32_t>(at + 2), 1, -16, w);
  }
};

template <>
struct TileCodes<WeightFormat::q5_1> : BlockFactors<WeightFormat::q5_1, 2> {
  KVFOLD_INLINE void codes(const uint8_t* row, int64_t depth, F* w) {
    const uint8_t* at = block(row, depth);
    decodeFiveBits(at + 8, loadAs<uint32_t>(at + 4), 1, 0, w);
  }
};

/** Eight depths a block: the low halves of 32 bytes, then their high ones. */
template <>
struct TileCodes<WeightFormat::q4_k> {
  KVFOLD_INLINE const uint8_t* block(const uint8_t* row, int64_t depth) { return row + (depth >> 3) * 144; }
  KVFOLD_INLINE void codes(const uint8_t* row, int64_t depth, F* w) {
    const uint8_t* bytes = block(row, depth) + 16 + 32 * ((depth & 7) >> 1);
    for (int i = 0; i < 2; i++) {
      const I pairs = loadUnsigned(bytes + i * width);
      w[i] = toFloats(bitsAnd(shiftRight(pairs, depth & 1 ? 4 : 0), allInts(15)));
    }
  }
  KVFOLD_INLINE void factors(const uint8_t* row, int64_t depth, float& factor, float& minimum) {
    const uint8_t* at = block(row, depth);
    const SixBits six = unpackSixBits(at + 4);
    factor = halfAt(at) * six.scales[depth & 7];
    minimum = -halfAt(at + 2) * six.minima[depth & 7];
  }
};

}  // namespace
}  // namespace kvfold::KVFOLD_ISA
