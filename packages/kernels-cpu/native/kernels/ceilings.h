// What this machine can do at most, to judge the kernels by.
#pragma once
#include <cstdint>

namespace kvfold {

constexpr int readWays = 4;

struct CeilingKernels {
  /** Floats of a vector. */
  int width;
  /** Runs `iterations` rounds of sixteen independent multiply-adds on vectors; gives a value that depends on all. */
  float (*multiplyAdd)(int64_t iterations);
  /**
   * Ways to read `bytes`, a multiple of 2,048, each giving a value that depends on all: in a row or in four streams, with
   * and without asking ahead. Which is fastest depends on the processor's prefetchers; the ceiling is what the best gives.
   */
  float (*read[readWays])(const uint8_t* data, int64_t bytes);
};

}  // namespace kvfold
