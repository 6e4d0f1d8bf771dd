// Matrix products on tensor cores: bf16 factors, sums in float32.
#pragma once
#include <cstdint>

namespace kvfold {

/** Entries of a tile of the result, and the threads that make it. */
struct GemmTile {
  int32_t rows;
  int32_t columns;
  uint32_t threads;
  uint32_t sharedBytes;
};

constexpr int32_t gemmDepth = 32;  // of the shared dimension, a stage
constexpr int32_t gemmStages = 4;
constexpr GemmTile largeGemmTile = {128, 128, 256, gemmStages * (128 + 128) * gemmDepth * 2};
constexpr GemmTile smallGemmTile = {64, 64, 128, gemmStages * (64 + 64) * gemmDepth * 2};

/**
 * `kvfold_gemm_<ab>_<large|small>`: C = alpha A B + bias + residual. `a` is n where A lies as [m, k] and t where it lies as
 * [k, m]; `b` is n for [k, n] and t for [n, k]. Grid `[tiles, splits, batch]`, block and shared memory of the tile: see
 * `planGemm`. Rows of A and B start at multiples of 16 bytes; where k is the contiguous side, what lies between k and the
 * next multiple of 8 must be zeros. Splits of k are summed in order, so results do not depend on chance.
 */
struct GemmArgs {
  uint64_t a;         // bf16
  uint64_t b;         // bf16
  uint64_t c;         // float32 [m, n] at `ldc`, written; 0: not wanted
  uint64_t cBf16;     // bf16 [m, n] at `ldc`, written; 0: not wanted
  uint64_t bias;      // float32 [n]; 0: none
  uint64_t residual;  // float32 [m, n] at `ldc`, may be c; 0: none
  uint64_t partials;  // float32, `gemmPartialFloats`; not used by one split
  uint64_t arrivals;  // int32 [tiles * batch], zeros; left as zeros; not used by one split
  int64_t batchA;     // numbers from one matrix of a batch to the next
  int64_t batchB;
  int64_t batchC;
  int32_t m;
  int32_t n;
  int32_t k;
  int32_t lda;  // numbers from one row of A, as it lies, to the next; a multiple of 8
  int32_t ldb;
  int32_t ldc;
  int32_t splits;
  float alpha;
};

struct GemmPlan {
  bool large;  // which tile
  uint32_t tiles;
  uint32_t splits;
  uint32_t block;
  uint32_t sharedBytes;
};

/** Large tiles where they keep the device busy; else small ones, and k split so that every multiprocessor has work. */
inline GemmPlan planGemm(int32_t m, int32_t n, int32_t k, int32_t batch, int32_t multiprocessors) {
  const auto tilesOf = [&](const GemmTile& tile) {
    return static_cast<uint32_t>((m + tile.rows - 1) / tile.rows) * static_cast<uint32_t>((n + tile.columns - 1) / tile.columns);
  };
  GemmPlan plan = {};
  const uint32_t wanted = static_cast<uint32_t>(multiprocessors);
  plan.large = m > smallGemmTile.rows && tilesOf(largeGemmTile) * static_cast<uint32_t>(batch) * 2 >= wanted;
  const GemmTile tile = plan.large ? largeGemmTile : smallGemmTile;
  plan.tiles = tilesOf(tile);
  plan.block = tile.threads;
  plan.sharedBytes = tile.sharedBytes;
  // two small blocks a multiprocessor; a split should still be worth its pipeline
  const uint32_t blocks = plan.tiles * static_cast<uint32_t>(batch);
  const uint32_t most = static_cast<uint32_t>(k) / (gemmDepth * 8) + 1;
  const uint32_t useful = (plan.large ? wanted : 3 * wanted) / (blocks > 0 ? blocks : 1);
  plan.splits = useful < 1 ? 1 : useful < most ? useful : most;
  if (plan.splits > 16) plan.splits = 16;
  return plan;
}

inline uint64_t gemmPartialFloats(const GemmPlan& plan, int32_t batch) {
  const GemmTile tile = plan.large ? largeGemmTile : smallGemmTile;
  return plan.splits == 1 ? 0
                          : static_cast<uint64_t>(plan.splits) * plan.tiles * static_cast<uint64_t>(batch) *
                                static_cast<uint64_t>(tile.rows * tile.columns);
}

/**
 * `kvfold_to_bf16`: float32 rows to bf16 rows of another stride, zeros behind their end. Grid `ceil(rows * ldOut / 1024)`,
 * block 256.
 */
struct ToBf16Args {
  uint64_t x;      // float32 [rows, columns]
  uint64_t out;    // bf16 [rows, columns] at `ldOut`, written
  int64_t rows;
  int32_t columns;
  int32_t ldOut;
};

}  // namespace kvfold
