// Loops over elements that a whole grid shares.
#pragma once
#include "platform.h"

namespace kvfold {

KVFOLD_DEVICE uint64_t firstOfThread() { return static_cast<uint64_t>(blockIdx.x) * blockDim.x + threadIdx.x; }
KVFOLD_DEVICE uint64_t threadsOfGrid() { return static_cast<uint64_t>(gridDim.x) * blockDim.x; }

/** Splits a row-major index into distances of two operands. */
template <class Step>
KVFOLD_DEVICE void walk(uint32_t index, int rank, const int32_t* sizes, const Step* first, const Step* second, Step& atFirst,
                        Step& atSecond) {
  atFirst = atSecond = 0;
  for (int d = rank - 1; d > 0; d--) {
    const uint32_t size = static_cast<uint32_t>(sizes[d]);
    const uint32_t rest = index / size;
    const Step place = static_cast<Step>(index - rest * size);
    atFirst += place * first[d];
    atSecond += place * second[d];
    index = rest;
  }
  atFirst += static_cast<Step>(index) * first[0];
  atSecond += static_cast<Step>(index) * second[0];
}

}  // namespace kvfold
