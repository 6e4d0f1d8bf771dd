#include "half-table.h"

#include <cstdint>
#include <cstring>

namespace kvfold {
namespace {

struct Table {
  alignas(64) float values[65536];

  Table() {
    for (uint32_t half = 0; half < 65536; half++) {
      const uint32_t exponent = (half >> 10) & 31, mantissa = half & 1023;
      uint32_t bits = (half & 0x8000) << 16;
      float value;
      if (exponent == 0) {
        value = static_cast<float>(mantissa) * 0x1p-24f;
        uint32_t magnitude;
        memcpy(&magnitude, &value, 4);
        bits |= magnitude;
      } else {
        bits |= ((exponent == 31 ? 255 : exponent + 112) << 23) | (mantissa << 13);
      }
      memcpy(&values[half], &bits, 4);
    }
  }
};

const Table table;

}  // namespace

const float* const halfTable = table.values;

}  // namespace kvfold
