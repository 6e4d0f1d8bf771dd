// What this machine can do at most, to judge the kernels by.
#pragma once
#include <cstdint>

namespace kvfold {

struct CeilingKernels {
  /** Floats of a vector. */
  int width;
  /** Runs `iterations` rounds of sixteen independent multiply-adds on vectors; gives a value that depends on all. */
  float (*multiplyAdd)(int64_t iterations);
  /** Reads `bytes`, a multiple of 512, and gives a value that depends on all. */
  float (*read)(const uint8_t* data, int64_t bytes);
};

}  // namespace kvfold
