// DMC's windowed averages of all tokens at once, and their gradient.
#pragma once
#include <cstdint>

namespace kvfold {

/** Longest window that these kernels take; averages without a window are made by the `scan` ones below. */
constexpr int32_t mostPoolWindow = 32;
/** Tokens of a block. */
constexpr int32_t poolTokens = 64;
constexpr unsigned poolThreads = 128;

/**
 * `kvfold_dmc_pool`: pooled_t = sum over the last `window` tokens s of C(s,t) omega_s item_s / z_t, with C the product of
 * alpha over s + 1..t and z_t the sum of C omega; the first token's alpha counts as 0. Grid `[ceil(T / poolTokens), lanes]`,
 * block `poolThreads`.
 */
struct DmcPoolArgs {
  uint64_t items;   // float32 [lanes, T, width]
  uint64_t alpha;   // float32 [lanes, T], 0 to 1
  uint64_t omega;   // float32 [lanes, T], above 0
  uint64_t pooled;  // float32 [lanes, T, width], written
  uint64_t z;       // float32 [lanes, T], written
  int32_t tokens;
  int32_t width;
  int32_t window;   // 1 to `mostPoolWindow`
};

/**
 * The gradient in two kernels, the second behind the first. `kvfold_dmc_pool_dots` (grid and block as above): for each token t
 * and each m < window, u(t - m, t) = (dPooled_t . item_{t-m}) / z_t + dZ_t - (dPooled_t . pooled_t) / z_t.
 * `kvfold_dmc_pool_gradient` (likewise): from them dItems, dAlpha and dOmega; nothing is divided by alpha.
 */
struct DmcPoolGradientArgs {
  uint64_t items;
  uint64_t alpha;
  uint64_t omega;
  uint64_t dPooled;  // float32 [lanes, T, width]
  uint64_t dZ;       // float32 [lanes, T]
  uint64_t z;        // float32 [lanes, T], scratch
  uint64_t dots;     // float32 [lanes, T, window], scratch: u
  uint64_t dItems;   // float32 [lanes, T, width], written
  uint64_t dAlpha;   // float32 [lanes, T], written
  uint64_t dOmega;   // float32 [lanes, T], written
  int32_t tokens;
  int32_t width;
  int32_t window;
};

/**
 * The same without a window: one thread goes through the tokens of a lane for one channel. `kvfold_dmc_pool_scan` takes
 * `DmcPoolArgs`. Grid `[ceil(width / poolScanThreads), lanes]`, block `poolScanThreads`.
 *
 * The gradient in three kernels, one behind the other: `kvfold_dmc_pool_scan_dots` (grid `ceil(lanes * T / 8)`, block 256): how
 * each token's average pulls its weight; `kvfold_dmc_pool_scan_back` (grid and block of the forward pass): sums from the last
 * token on; `kvfold_dmc_pool_scan_gradient` (grid `ceil(lanes * T / 8)`, block 256).
 */
struct DmcPoolScanGradientArgs {
  uint64_t items;    // float32 [lanes, T, width]
  uint64_t alpha;    // float32 [lanes, T]
  uint64_t omega;    // float32 [lanes, T]
  uint64_t pooled;   // float32 [lanes, T, width], of the forward pass
  uint64_t z;        // float32 [lanes, T], of the forward pass
  uint64_t dPooled;  // float32 [lanes, T, width]
  uint64_t dZ;       // float32 [lanes, T]
  uint64_t pulls;    // float32 [lanes, T], scratch
  uint64_t dItems;   // float32 [lanes, T, width], written
  uint64_t dAlpha;   // float32 [lanes, T], written
  uint64_t dOmega;   // float32 [lanes, T], written
  int32_t lanes;
  int32_t tokens;
  int32_t width;
};

constexpr unsigned poolScanThreads = 64;

}  // namespace kvfold
