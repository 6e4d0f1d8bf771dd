// A choice between two tensors.
#pragma once
#include <cstdint>

namespace kvfold {

/** out[i] = condition[i / run] ? t[i] : e[i]; elements of 1 or 4 bytes, conditions of 1. */
struct SelectArgs {
  uint64_t condition;
  uint64_t t;
  uint64_t e;
  uint64_t out;
  uint64_t n;
  uint64_t run;
  int32_t elementBytes;
  int32_t unused;
};

}  // namespace kvfold
