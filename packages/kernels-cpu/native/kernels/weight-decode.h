// Packed weights to float32 vectors. `Weights<format>::decode(row, step, w)` gives the values
// `[step * stepValues, (step + 1) * stepValues)` of a row; `decodeRest` what is left at the end of a row of a plain type.
#pragma once
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

KVFOLD_INLINE float halfAt(const uint8_t* p) { return f16ToF32(loadAs<uint16_t>(p)); }

template <WeightFormat format>
struct Weights;

/** f32, bf16 and f16. */
template <int bytes, F (*loadAll)(const uint8_t*), float (*loadOne)(const uint8_t*)>
struct PlainWeights {
  static constexpr bool hasRest = true;
  static constexpr int stepValues = 2 * width;
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
KVFOLD_INLINE F loadF16All(const uint8_t* p) { return loadF16(reinterpret_cast<const uint16_t*>(p)); }

template <>
struct Weights<WeightFormat::f32> : PlainWeights<4, loadF32All, loadF32One> {};
template <>
struct Weights<WeightFormat::bf16> : PlainWeights<2, loadBf16All, loadBf16One> {};
template <>
struct Weights<WeightFormat::f16> : PlainWeights<2, loadF16All, halfAt> {};

/** Block types: a step is 32 values, or 64 where two share their bytes. */
template <int values>
struct BlockWeights {
  static constexpr bool hasRest = false;  // rows are whole blocks
  static constexpr int stepValues = values;
  static constexpr int vectors = values / width;
};

/** 16 bytes of two 4-bit values q, the low halves first: `scale q + offset`. */
KVFOLD_INLINE void decodeNibbles(const uint8_t* bytes, float scale, float offset, F* w) {
#if defined(__AVX512F__)
  // The sixteen possible values in a register, looked up by the low four bits of each lane.
  const F ramp = _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const F table = fma(ramp, all(scale), all(offset));
  const I pairs = loadUnsigned(bytes);
  w[0] = _mm512_permutexvar_ps(pairs, table);
  w[1] = _mm512_permutexvar_ps(shiftRight(pairs, 4), table);
#else
  constexpr int half = 16 / width;
  for (int i = 0; i < half; i++) {
    const I pairs = loadUnsigned(bytes + i * width);
    w[i] = fma(toFloats(bitsAnd(pairs, allInts(15))), all(scale), all(offset));
    w[half + i] = fma(toFloats(shiftRight(pairs, 4)), all(scale), all(offset));
  }
#endif
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
struct Weights<WeightFormat::q8_0> : BlockWeights<32> {
  KVFOLD_INLINE void decode(const uint8_t* row, int64_t step, F* w) {
    const uint8_t* block = row + step * 34;
    const F scale = all(halfAt(block));
    for (int i = 0; i < vectors; i++) w[i] = mul(toFloats(loadSigned(block + 2 + i * width)), scale);
  }
};

template <>
struct Weights<WeightFormat::q4_0> : BlockWeights<32> {
  KVFOLD_INLINE void decode(const uint8_t* row, int64_t step, F* w) {
    const uint8_t* block = row + step * 18;
    const float scale = halfAt(block);
    decodeNibbles(block + 2, scale, -8 * scale, w);
  }
};

template <>
struct Weights<WeightFormat::q4_1> : BlockWeights<32> {
  KVFOLD_INLINE void decode(const uint8_t* row, int64_t step, F* w) {
    const uint8_t* block = row + step * 20;
    decodeNibbles(block + 4, halfAt(block), halfAt(block + 2), w);
  }
};

template <>
struct Weights<WeightFormat::q5_0> : BlockWeights<32> {
  KVFOLD_INLINE void decode(const uint8_t* row, int64_t step, F* w) {
    const uint8_t* block = row + step * 22;
    const float scale = halfAt(block);
    decodeFiveBits(block + 6, loadAs<uint32_t>(block + 2), scale, -16 * scale, w);
  }
};

template <>
struct Weights<WeightFormat::q5_1> : BlockWeights<32> {
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
struct Weights<WeightFormat::q4_k> : BlockWeights<64> {
  KVFOLD_INLINE void decode(const uint8_t* row, int64_t step, F* w) {
    const uint8_t* block = row + (step >> 2) * 144;
    const int pair = static_cast<int>(step & 3);
    const SixBits six = unpackSixBits(block + 4);
    const float scale = halfAt(block), minimum = -halfAt(block + 2);
    const float scaleLow = scale * six.scales[2 * pair], offsetLow = minimum * six.minima[2 * pair];
    const float scaleHigh = scale * six.scales[2 * pair + 1], offsetHigh = minimum * six.minima[2 * pair + 1];
    const uint8_t* bytes = block + 16 + 32 * pair;
    constexpr int half = 32 / width;
    for (int i = 0; i < half; i++) {
      const I pairs = loadUnsigned(bytes + i * width);
      w[i] = fma(toFloats(bitsAnd(pairs, allInts(15))), all(scaleLow), all(offsetLow));
      w[half + i] = fma(toFloats(shiftRight(pairs, 4)), all(scaleHigh), all(offsetHigh));
    }
  }
};

template <>
struct Weights<WeightFormat::q6_k> : BlockWeights<32> {
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
