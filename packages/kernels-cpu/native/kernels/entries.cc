#include "entries.h"

#include "simd-int.h"

namespace kvfold::KVFOLD_ISA {
namespace {

void turn(const float* x, const float* cos, const float* sin, int64_t half, int64_t headDim, int64_t dims,
          int64_t blank, float* out) {
  if (out != x) memcpy(out, x, static_cast<size_t>(headDim) * 4);
  if (dims > headDim) memset(out + headDim, 0, static_cast<size_t>(dims - headDim) * 4);
  if (blank >= 0) out[blank] = 0;
  if (cos == nullptr) return;
  for (int64_t i = 0; i < half; i += width) {
    const int64_t n = half - i;
    const F a = loadUpTo(out + i, n), b = loadUpTo(out + half + i, n);
    const F c = loadUpTo(cos + i, n), s = loadUpTo(sin + i, n);
    storeUpTo(out + i, sub(mul(a, c), mul(b, s)), n);
    storeUpTo(out + half + i, add(mul(b, c), mul(a, s)), n);
  }
  if (blank >= 0) out[blank] = 0;
}

void encodeF32(const float* entry, int64_t dims, uint8_t* slot, float*) {
  memcpy(slot, entry, static_cast<size_t>(dims) * 8);
}

void decodeF32(const uint8_t* slot, const float*, int64_t dims, float* entry) {
  memcpy(entry, slot, static_cast<size_t>(dims) * 8);
}

/** To the nearest, halves to even; NaN stays NaN. */
void encodeBf16(const float* entry, int64_t dims, uint8_t* slot, float*) {
  uint16_t* out = reinterpret_cast<uint16_t*>(slot);
  for (int64_t i = 0; i < 2 * dims; i++) {
    uint32_t bits;
    memcpy(&bits, entry + i, sizeof bits);
    const uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    const bool isNan = (bits & 0x7fffffff) > 0x7f800000;
    out[i] = static_cast<uint16_t>(isNan ? (bits >> 16) | 0x40 : rounded);
  }
}

void decodeBf16(const uint8_t* slot, const float*, int64_t dims, float* entry) {
  const uint16_t* in = reinterpret_cast<const uint16_t*>(slot);
  for (int64_t i = 0; i < 2 * dims; i += width) store(entry + i, loadBf16(in + i));
}

/** Scale = largest magnitude / 127; codes to the nearest, halves to even. The scale is NaN when a value is NaN or infinite. */
float encodeBytes(const float* x, int64_t dims, uint8_t* out) {
  F most = all(0), taint = all(0);
  for (int64_t i = 0; i < dims; i += width) {
    most = max(most, abs(load(x + i)));
    taint = fma(load(x + i), all(0), taint);
  }
  const float scale = maxLane(most) / 127.0f + sum(taint);
  int8_t* codes = reinterpret_cast<int8_t*>(out);
  if (!(scale > 0)) {
    memset(out, 0, static_cast<size_t>(dims));
    return scale;
  }
  constexpr float shift = 12582912.0f;  // 1.5 * 2^23: adding it rounds to a whole number
  for (int64_t i = 0; i < dims; i++) {
    const float code = (x[i] / scale + shift) - shift;
    codes[i] = static_cast<int8_t>(code > 127 ? 127 : code > -127 ? code : -127);
  }
  return scale;
}

void encodeInt8(const float* entry, int64_t dims, uint8_t* slot, float* scales) {
  scales[0] = encodeBytes(entry, dims, slot);
  scales[1] = encodeBytes(entry + dims, dims, slot + dims);
}

void decodeInt8(const uint8_t* slot, const float* scales, int64_t dims, float* entry) {
  for (int part = 0; part < 2; part++) {
    const F scale = all(scales[part]);
    for (int64_t i = 0; i < dims; i += width) {
      store(entry + part * dims + i, mul(toFloats(loadSigned(slot + part * dims + i)), scale));
    }
  }
}

void average(const float* rows, const float* weights, int64_t window, int64_t newest, int64_t count, int64_t dims,
             float* out) {
  float z = 0;
  int64_t at = newest;
  for (int64_t i = 0; i < count; i++, at = at == 0 ? window - 1 : at - 1) z += weights[at];
  const F total = all(z);
  for (int64_t d = 0; d < 2 * dims; d += width) {
    F sums = all(0);
    at = newest;
    for (int64_t i = 0; i < count; i++, at = at == 0 ? window - 1 : at - 1) {
      sums = add(sums, load(rows + at * 2 * dims + d));
    }
    store(out + d, div(sums, total));
  }
}

}  // namespace

extern const EntryKernels entryKernels;
const EntryKernels entryKernels = {
    turn, {encodeF32, encodeBf16, encodeInt8}, {decodeF32, decodeBf16, decodeInt8}, average};

}  // namespace kvfold::KVFOLD_ISA
