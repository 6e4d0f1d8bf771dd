// Packed weights as left factors of small products. A step is 16 values of a row; lane t of a row holds its values 4t to
// 4t + 3, as (0, 2) and (1, 3) where `interleaved`, else as (0, 1) and (2, 3): x is put together the same way. The value of a
// weight is scale * whole number + minimum, and scale and minimum hold for `scaleSteps` steps.
#pragma once
#include "../device/bf16-pairs.h"
#include "../math/packed-values.h"

namespace kvfold {

KVFOLD_DEVICE uint32_t wordAt(const unsigned char* p) { return __ldg(reinterpret_cast<const uint32_t*>(p)); }

/** Two whole numbers of up to 7 bits (in the low bits of the halves of a word) less `bias` times (1, 1), as bf16. */
KVFOLD_DEVICE uint32_t wholeToBf16(uint32_t halves, uint32_t bias) {
  return subtractBf16(halves | 0x43004300u, 0x43004300u | bias << 16 | bias);
}

/**
 * Two numbers as pairs of bf16, a plane each: the numbers rounded, then what is left of them. A plane carries 8 bits of a
 * float32, three carry it whole.
 */
template <int planes>
KVFOLD_DEVICE void splitPair(float low, float high, uint32_t (&words)[planes][2], int place) {
  KVFOLD_UNROLL
  for (int i = 0; i < planes; i++) {
    const uint32_t pair = packBf16(low, high);
    low -= lowBf16(pair);
    high -= highBf16(pair);
    words[i][place] = pair;
  }
}

template <WeightFormat format>
struct PackedTiles {
  /** Planes that hold every bit of a value, or of its whole number. */
  static constexpr int planes = format == WeightFormat::f32 ? 3 : format == WeightFormat::f16 ? 2 : 1;
  /** A step's words. */
  struct Words {
    uint32_t plane[planes][2];
  };

  static constexpr bool interleaved = format != WeightFormat::bf16 && format != WeightFormat::f16 && format != WeightFormat::f32;
  /** 0: no scales at all. */
  static constexpr int scaleSteps = !interleaved ? 0 : format == WeightFormat::q6_k ? 1 : 2;
  static constexpr bool hasMinimum = format == WeightFormat::q4_1 || format == WeightFormat::q5_1 || format == WeightFormat::q4_k;

  /** Step `step` of row `row`, for lane t of the row; `inputs` is the row's length. */
  static KVFOLD_DEVICE Words load(const WeightPlanes& stored, int64_t row, int step, int t, int inputs) {
    Words words;
    uint32_t(&main)[2] = words.plane[0];
    const unsigned char* values = stored.plane[0];
    const int64_t first = row * inputs + 16 * step + 4 * t;
    if (format == WeightFormat::bf16) {
      const uint2 pair = __ldg(reinterpret_cast<const uint2*>(values + 2 * first));
      main[0] = pair.x;
      main[1] = pair.y;
    } else if (format == WeightFormat::f16 || format == WeightFormat::f32) {
      float x[4];
      KVFOLD_UNROLL
      for (int i = 0; i < 4; i++) x[i] = packedValue<format>(stored, first + i);
      splitPair(x[0], x[1], words.plane, 0);
      splitPair(x[2], x[3], words.plane, 1);
    } else if (format == WeightFormat::q8_0) {
      const uint32_t word = wordAt(values + first);
      main[0] = int8ToBf16(word, bytes02);
      main[1] = int8ToBf16(word, bytes13);
    } else if (format == WeightFormat::q4_k) {
      const int sub = step >> 1;
      const unsigned char* block = values + (row * (inputs / 256) + (sub >> 3)) * 144;
      const uint32_t word = wordAt(block + 16 + (sub & 7) / 2 * 32 + (step & 1) * 16 + 4 * t) >> (sub & 1) * 4;
      main[0] = wholeToBf16(word & 0x000f000fu, 0);
      main[1] = wholeToBf16(word >> 8 & 0x000f000fu, 0);
    } else if (format == WeightFormat::q6_k) {
      const int64_t block = row * (inputs / 256) + (step >> 4);
      const int half = step >> 3 & 1, quarter = step >> 1 & 3, at = (step & 1) * 16 + 4 * t;
      const uint32_t low = wordAt(values + block * 128 + 64 * half + 32 * (quarter & 1) + at) >> (quarter >> 1) * 4;
      const uint32_t high = wordAt(stored.plane[2] + block * 64 + 32 * half + at) >> 2 * quarter;
      main[0] = wholeToBf16((low & 0x000f000fu) | (high & 0x00030003u) << 4, 32);
      main[1] = wholeToBf16((low >> 8 & 0x000f000fu) | (high >> 8 & 0x00030003u) << 4, 32);
    } else {
      const int64_t block = row * (inputs / 32) + (step >> 1);
      const uint32_t word = wordAt(values + block * 16 + 4 * t) >> (step & 1) * 4;
      uint32_t even = word & 0x000f000fu, odd = word >> 8 & 0x000f000fu;
      if (format == WeightFormat::q5_0 || format == WeightFormat::q5_1) {
        const uint32_t bits = wordAt(stored.plane[2] + block * 4) >> ((step & 1) * 16 + 4 * t);
        even |= (bits & 1u) << 4 | (bits & 4u) << 18;
        odd |= (bits & 2u) << 3 | (bits & 8u) << 17;
      }
      const uint32_t bias = format == WeightFormat::q4_0 ? 8 : format == WeightFormat::q5_0 ? 16 : 0;
      main[0] = wholeToBf16(even, bias);
      main[1] = wholeToBf16(odd, bias);
    }
    return words;
  }

  struct Scale {
    float scale;
    float minimum;
  };

  static KVFOLD_DEVICE Scale scaleOf(const WeightPlanes& planes, int64_t row, int step, int inputs) {
    if (format == WeightFormat::q4_k) {
      const int sub = step >> 1;
      const unsigned char* block = planes.plane[0] + (row * (inputs / 256) + (sub >> 3)) * 144;
      const uint4 head = __ldg(reinterpret_cast<const uint4*>(block));
      const uint32_t twelve[3] = {head.y, head.z, head.w};
      return {f16ToFloat(static_cast<uint16_t>(head.x)) * static_cast<float>(q4kScale(twelve, sub & 7)),
              -f16ToFloat(static_cast<uint16_t>(head.x >> 16)) * static_cast<float>(q4kMinimum(twelve, sub & 7))};
    }
    if (format == WeightFormat::q6_k) {
      const int64_t block = row * (inputs / 256) + (step >> 4);
      const int8_t scale = reinterpret_cast<const int8_t*>(planes.plane[1])[block * 16 + (step & 15)];
      return {halfAt(planes.plane[3] + block * 2) * static_cast<float>(scale), 0};
    }
    const int64_t block = row * (inputs / 32) + (step >> 1);
    if (!hasMinimum) return {halfAt(planes.plane[1] + block * 2), 0};
    const uint32_t both = wordAt(planes.plane[1] + block * 4);
    return {f16ToFloat(static_cast<uint16_t>(both)), f16ToFloat(static_cast<uint16_t>(both >> 16))};
  }
};

}  // namespace kvfold
