// Packed weights to float32 vectors. `Weights<format>::decode(row, step, w)` gives the values
// `[step * stepValues, (step + 1) * stepValues)` of a row; `decodeRest` what is left at the end of a row of a plain type.
#pragma once
#include "../system/half-table.h"
#include "simd-int.h"
#include "weight-format.h"

namespace kvfold::KVFOLD_ISA {
namespace {

template <class T>
KVFOLD_INLINE T loadAs(const uint8_t* p) {
  T value;
  memcpy(&value, p, sizeof value);
  return value;
}

/** A half as float32, in all lanes or alone: a load from the table costs no arithmetic. */
KVFOLD_INLINE const float* halfIn(const uint8_t* p) { return halfTable + loadAs<uint16_t>(p); }
KVFOLD_INLINE float halfAt(const uint8_t* p) { return *halfIn(p); }
KVFOLD_INLINE F allHalf(const uint8_t* p) { return all(*halfIn(p)); }

template <WeightFormat format>
struct Weights;

/** f32, bf16 and f16. */
template <int bytes, F (*loadAll)(const uint8_t*), float (*loadOne)(const uint8_t*)>
struct PlainWeights {
  static constexpr bool hasRest = true;
  static constexpr bool scalesSums = false;
  static constexpr int stepValues = 2 * width;
  static constexpr int stepBytes = stepValues * bytes;
  static constexpr int vectors = 2;
  KVFOLD_INLINE void decode(const uint8_t* row, int64_t step, F* w) {
    const uint8_t* at = row + step * stepValues * bytes;
    w[0] = loadAll(at);
    w[1] = loadAll(at + width * bytes);
  }
  KVFOLD_INLINE void decodeRest(const uint8_t* row, int64_t step, int64_t count, F* w) {
    const uint8_t* at = row + step * stepValues * bytes;
    float values[stepValues] = {};
    for (int64_t i = 0; i < count; i++) values[i] = loadOne(at + i * bytes);
    w[0] = load(values);
    w[1] = load(values + width);
  }
};

KVFOLD_INLINE F loadF32All(const uint8_t* p) { return load(reinterpret_cast<const float*>(p)); }
KVFOLD_INLINE float loadF32One(const uint8_t* p) { return loadAs<float>(p); }
KVFOLD_INLINE F loadBf16All(const uint8_t* p) { return loadBf16(reinterpret_cast<const uint16_t*>(p)); }
KVFOLD_INLINE float loadBf16One(const uint8_t* p) { return bf16ToF32(loadAs<uint16_t>(p)); }
KVFOLD_INLINE float loadF16One(const uint8_t* p) { return f16ToF32(loadAs<uint16_t>(p)); }
KVFOLD_INLINE F loadF16All(const uint8_t* p) { return loadF16(reinterpret_cast<const uint16_t*>(p)); }

template <>
struct Weights<WeightFormat::f32> : PlainWeights<4, loadF32All, loadF32One> {};
template <>
struct Weights<WeightFormat::bf16> : PlainWeights<2, loadBf16All, loadBf16One> {};
template <>
struct Weights<WeightFormat::f16> : PlainWeights<2, loadF16All, loadF16One> {};

/** Block types: a step is 32 values, or 64 where two share their bytes; a block has one or more steps. */
template <int values, int bytes>
struct BlockWeights {
  static constexpr bool hasRest = false;  // rows are whole blocks
  /** Whether a step's values share a factor, which a sum of products is better multiplied by than each value. */
  static constexpr bool scalesSums = false;
  static constexpr int stepValues = values;
  static constexpr int stepBytes = bytes;
  static constexpr int vectors = values / width;
};

/** The values that four bits can stand for, `scale q + offset`, in the form that `lookUp` wants. */
KVFOLD_INLINE F fourBitTable(F scale, F offset) {
#if defined(__AVX512F__)
  return fma(_mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), scale, offset);
#else
  (void)offset;
  return scale;
#endif
}

/** The values of the low four bits of each lane. */
KVFOLD_INLINE F lookUp(I bits, F table, F offset) {
#if defined(__AVX512F__)
  (void)offset;
  return _mm512_permutexvar_ps(bits, table);
#else
  return fma(toFloats(bitsAnd(bits, allInts(15))), table, offset);
#endif
}

/** 16 bytes of two 4-bit values q, the low halves first: `scale q + offset`. */
KVFOLD_INLINE void decodeNibbles(const uint8_t* bytes, F scale, F offset, F* w) {
  constexpr int half = 16 / width;
  const F table = fourBitTable(scale, offset);
  KVFOLD_UNROLL
  for (int i = 0; i < half; i++) {
    const I pairs = loadUnsigned(bytes + i * width);
    w[i] = lookUp(pairs, table, offset);
    w[half + i] = lookUp(shiftRight(pairs, 4), table, offset);
  }
}

/** The same with a fifth bit for each value. */
KVFOLD_INLINE void decodeFiveBits(const uint8_t* bytes, uint32_t fifths, float scale, float offset, F* w) {
  constexpr int half = 16 / width;
  for (int i = 0; i < half; i++) {
    const I pairs = loadUnsigned(bytes + i * width);
    const I low = bitsOr(bitsAnd(pairs, allInts(15)), sixteens(fifths >> (i * width)));
    const I high = bitsOr(shiftRight(pairs, 4), sixteens(fifths >> (16 + i * width)));
    w[i] = fma(toFloats(low), all(scale), all(offset));
    w[half + i] = fma(toFloats(high), all(scale), all(offset));
  }
}

template <>
struct Weights<WeightFormat::q8_0> : BlockWeights<32, 34> {
  static constexpr bool scalesSums = width == 8;
  KVFOLD_INLINE F scaleOf(const uint8_t* row, int64_t step) { return allHalf(row + step * 34); }
  KVFOLD_INLINE void codes(const uint8_t* row, int64_t step, F* w) {
    KVFOLD_UNROLL
    for (int i = 0; i < vectors; i++) w[i] = toFloats(loadSigned(row + step * 34 + 2 + i * width));
  }
  KVFOLD_INLINE void decode(const uint8_t* row, int64_t step, F* w) {
    const F scale = scaleOf(row, step);
    codes(row, step, w);
    KVFOLD_UNROLL
    for (int i = 0; i < vectors; i++) w[i] = mul(w[i], scale);
  }
};

template <>
struct Weights<WeightFormat::q4_0> : BlockWeights<32, 18> {
  KVFOLD_INLINE void decode(const uint8_t* row, int64_t step, F* w) {
    const uint8_t* block = row + step * 18;
    const F scale = allHalf(block);
#if defined(__AVX512F__)
    // The table at once, which saves a product.
    const F table = mul(scale, _mm512_setr_ps(-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7));
    const I pairs = loadUnsigned(block + 2);
    w[0] = lookUp(pairs, table, scale);
    w[1] = lookUp(shiftRight(pairs, 4), table, scale);
#else
    decodeNibbles(block + 2, scale, mul(scale, all(-8)), w);
#endif
  }
};

template <>
struct Weights<WeightFormat::q4_1> : BlockWeights<32, 20> {
  KVFOLD_INLINE void decode(const uint8_t* row, int64_t step, F* w) {
    const uint8_t* block = row + step * 20;
    decodeNibbles(block + 4, allHalf(block), allHalf(block + 2), w);
  }
};

template <>
struct Weights<WeightFormat::q5_0> : BlockWeights<32, 22> {
  KVFOLD_INLINE void decode(const uint8_t* row, int64_t step, F* w) {
    const uint8_t* block = row + step * 22;
    const float scale = halfAt(block);
    decodeFiveBits(block + 6, loadAs<uint32_t>(block + 2), scale, -16 * scale, w);
  }
};

template <>
struct Weights<WeightFormat::q5_1> : BlockWeights<32, 24> {
  KVFOLD_INLINE void decode(const uint8_t* row, int64_t step, F* w) {
    const uint8_t* block = row + step * 24;
    decodeFiveBits(block + 8, loadAs<uint32_t>(block + 4), halfAt(block), halfAt(block + 2), w);
  }
};

/** The eight 6-bit scales and eight 6-bit minima of a q4_k block, one a byte. */
struct SixBits {
  uint8_t scales[8];
  uint8_t minima[8];
};

KVFOLD_INLINE SixBits unpackSixBits(const uint8_t* twelve) {
  const uint32_t a = loadAs<uint32_t>(twelve), b = loadAs<uint32_t>(twelve + 4), c = loadAs<uint32_t>(twelve + 8);
  // The first four of each are in the low bits of a and b; the last four have their low bits in c, their high ones in a, b.
  const uint32_t scales[2] = {a & 0x3f3f3f3f, (c & 0x0f0f0f0f) | ((a >> 2) & 0x30303030)};
  const uint32_t minima[2] = {b & 0x3f3f3f3f, ((c >> 4) & 0x0f0f0f0f) | ((b >> 2) & 0x30303030)};
  SixBits unpacked;
  memcpy(unpacked.scales, scales, 8);
  memcpy(unpacked.minima, minima, 8);
  return unpacked;
}

template <>
struct Weights<WeightFormat::q4_k> : BlockWeights<64, 36> {
  KVFOLD_INLINE void decode(const uint8_t* row, int64_t step, F* w) {
    const uint8_t* block = row + (step >> 2) * 144;
    const int pair = static_cast<int>(step & 3);
    const SixBits six = unpackSixBits(block + 4);
    const float scale = halfAt(block), minimum = -halfAt(block + 2);
    const F offsets[2] = {all(minimum * six.minima[2 * pair]), all(minimum * six.minima[2 * pair + 1])};
    const F tables[2] = {fourBitTable(all(scale * six.scales[2 * pair]), offsets[0]),
                         fourBitTable(all(scale * six.scales[2 * pair + 1]), offsets[1])};
    const uint8_t* bytes = block + 16 + 32 * pair;
    constexpr int half = 32 / width;
    KVFOLD_UNROLL
    for (int i = 0; i < half; i++) {
      const I pairs = loadUnsigned(bytes + i * width);
      w[i] = lookUp(pairs, tables[0], offsets[0]);
      w[half + i] = lookUp(shiftRight(pairs, 4), tables[1], offsets[1]);
    }
  }
};

template <>
struct Weights<WeightFormat::q6_k> : BlockWeights<32, 26> {
  KVFOLD_INLINE void decode(const uint8_t* row, int64_t step, F* w) {
    const uint8_t* block = row + (step >> 3) * 210;
    const int half = static_cast<int>(step >> 2) & 1, quarter = static_cast<int>(step & 3);
    const uint8_t* low = block + 64 * half + 32 * (quarter & 1);
    const uint8_t* high = block + 128 + 32 * half;
    const int8_t* scales = reinterpret_cast<const int8_t*>(block + 192) + 8 * half + 2 * quarter;
    const float scale = halfAt(block + 208);
    for (int i = 0; i < vectors; i++) {
      const I lowBits = bitsAnd(shiftRight(loadUnsigned(low + i * width), 4 * (quarter >> 1)), allInts(15));
      const I highBits = bitsAnd(shiftRight(loadUnsigned(high + i * width), 2 * quarter), allInts(3));
      const float own = scale * scales[i * width / 16];
      w[i] = fma(toFloats(bitsOr(lowBits, shiftLeft(highBits, 4))), all(own), all(-32 * own));
    }
  }
};

}  // namespace
}  // namespace kvfold::KVFOLD_ISA
