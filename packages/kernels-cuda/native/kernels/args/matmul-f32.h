// Products of float32 matrices, for shapes that the tensor cores do not take and for results exact to float32.
#pragma once
#include <cstdint>

namespace kvfold {

/**
 * out [batch, m, n] = a [m, k] b [k, n], each side at any distances between rows and columns, in elements. Batches of a and
 * of b lie `aBatch` and `bBatch` elements apart; 0 where one matrix serves all.
 */
struct MatmulF32Args {
  uint64_t a;
  uint64_t b;
  uint64_t out;
  int64_t aBatch;
  int64_t bBatch;
  int64_t aRow;
  int64_t aColumn;
  int64_t bRow;
  int64_t bColumn;
  int32_t m;
  int32_t n;
  int32_t k;
  int32_t unused;
};

}  // namespace kvfold
