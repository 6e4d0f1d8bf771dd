// Single values of packed weights: the plain statement of every format, for unpacking and for tests.
#pragma once
#include "../args/packed-linear.h"
#include "bf16.h"

namespace kvfold {

struct WeightPlanes {
  const unsigned char* plane[mostPlanes];
};

KVFOLD_HOST_DEVICE float halfAt(const unsigned char* p) { return f16ToFloat(*reinterpret_cast<const uint16_t*>(p)); }

/** Byte `i` of the twelve that hold a q4_k block's 6-bit scales and minima. */
KVFOLD_HOST_DEVICE int q4kByte(const uint32_t (&twelve)[3], int i) {
  const uint32_t word = i < 4 ? twelve[0] : i < 8 ? twelve[1] : twelve[2];
  return static_cast<int>(word >> (i & 3) * 8 & 255);
}
/** The scale and the minimum of sub-block `i` (0 to 7). */
KVFOLD_HOST_DEVICE int q4kScale(const uint32_t (&twelve)[3], int i) {
  const int low = q4kByte(twelve, i < 4 ? i : i + 4);
  return i < 4 ? low & 63 : (low & 15) | (q4kByte(twelve, i - 4) >> 6) << 4;
}
KVFOLD_HOST_DEVICE int q4kMinimum(const uint32_t (&twelve)[3], int i) {
  const int low = q4kByte(twelve, i + 4);
  return i < 4 ? low & 63 : low >> 4 | (q4kByte(twelve, i) >> 6) << 4;
}

/** Value `i` of the weight, counted through all rows: rows are whole blocks. */
template <WeightFormat format>
KVFOLD_HOST_DEVICE float packedValue(const WeightPlanes& planes, int64_t i) {
  const unsigned char* values = planes.plane[0];
  if (format == WeightFormat::f32) return reinterpret_cast<const float*>(values)[i];
  if (format == WeightFormat::bf16) return bf16ToFloat(reinterpret_cast<const uint16_t*>(values)[i]);
  if (format == WeightFormat::f16) return f16ToFloat(reinterpret_cast<const uint16_t*>(values)[i]);
  const int64_t block = i / (format == WeightFormat::q4_k || format == WeightFormat::q6_k ? 256 : 32);
  const int in = static_cast<int>(i % (format == WeightFormat::q4_k || format == WeightFormat::q6_k ? 256 : 32));
  if (format == WeightFormat::q8_0) {
    return halfAt(planes.plane[1] + block * 2) * static_cast<float>(reinterpret_cast<const int8_t*>(values)[i]);
  }
  if (format == WeightFormat::q4_k) {
    const unsigned char* own = values + block * 144;
    const int sub = in / 32, byte = in / 64 * 32 + in % 32;
    const int q = own[16 + byte] >> (sub & 1) * 4 & 15;
    const uint32_t* words = reinterpret_cast<const uint32_t*>(own);
    const uint32_t twelve[3] = {words[1], words[2], words[3]};
    const float scale = halfAt(own) * static_cast<float>(q4kScale(twelve, sub));
    return scale * static_cast<float>(q) - halfAt(own + 2) * static_cast<float>(q4kMinimum(twelve, sub));
  }
  if (format == WeightFormat::q6_k) {
    const int half = in / 128, quarter = in / 32 % 4, at = in % 32;
    const int low = values[block * 128 + 64 * half + 32 * (quarter & 1) + at] >> (quarter >> 1) * 4 & 15;
    const int high = planes.plane[2][block * 64 + 32 * half + at] >> 2 * quarter & 3;
    const int scale = reinterpret_cast<const int8_t*>(planes.plane[1])[block * 16 + in / 16];
    return halfAt(planes.plane[3] + block * 2) * static_cast<float>(scale) * static_cast<float>((low | high << 4) - 32);
  }
  int q = values[block * 16 + in % 16] >> (in / 16) * 4 & 15;
  if (format == WeightFormat::q4_0) return halfAt(planes.plane[1] + block * 2) * static_cast<float>(q - 8);
  if (format == WeightFormat::q4_1) {
    return halfAt(planes.plane[1] + block * 4) * static_cast<float>(q) + halfAt(planes.plane[1] + block * 4 + 2);
  }
  q |= (planes.plane[2][block * 4 + in / 8] >> in % 8 & 1) << 4;
  if (format == WeightFormat::q5_0) return halfAt(planes.plane[1] + block * 2) * static_cast<float>(q - 16);
  return halfAt(planes.plane[1] + block * 4) * static_cast<float>(q) + halfAt(planes.plane[1] + block * 4 + 2);
}

}  // namespace kvfold
