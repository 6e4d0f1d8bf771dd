#include "convert.h"

#include "simd.h"

namespace kvfold::KVFOLD_ISA {
namespace {

template <class In, class Out>
void convert(const In* x, Out* out, int64_t n) {
  for (int64_t i = 0; i < n; i++) out[i] = static_cast<Out>(x[i]);
}

void floatsToInts(const float* x, int32_t* out, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    // Beyond 2^63 every float32 is a multiple of 2^32.
    const bool inRange = __builtin_fabsf(x[i]) < 9223372036854775808.0f;
    out[i] = static_cast<int32_t>(inRange ? static_cast<int64_t>(x[i]) : 0);
  }
}

void select(const uint8_t* condition, const int32_t* yes, const int32_t* no, int32_t* out, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    const int32_t a = yes[i], b = no[i];
    out[i] = condition[i] != 0 ? a : b;
  }
}

}  // namespace

extern const ConvertKernels convertKernels;
const ConvertKernels convertKernels = {
    convert<int32_t, float>, convert<uint8_t, float>, convert<uint8_t, int32_t>, floatsToInts, select,
};

}  // namespace kvfold::KVFOLD_ISA
