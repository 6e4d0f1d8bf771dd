// DMC's averages without a window: n_t = alpha_t n_{t-1} + omega_t x_t, z_t alike, and the recurrences of their gradient,
// Gn_t = dPooled_t / z_t + alpha_{t+1} Gn_{t+1} and Gz_t = dZ_t - dPooled_t . pooled_t / z_t + alpha_{t+1} Gz_{t+1}.
#pragma once
#include "dmc-pool.h"

namespace kvfold {

KVFOLD_DEVICE void poolScan(const DmcPoolArgs& args) {
  const int channel = static_cast<int>(blockIdx.x * poolScanThreads + threadIdx.x);
  if (channel >= args.width) return;
  const int64_t base = static_cast<int64_t>(blockIdx.y) * args.tokens;
  const float* alpha = at<const float>(args.alpha) + base;
  const float* omega = at<const float>(args.omega) + base;
  float sum = 0, z = 0;
  KVFOLD_UNROLL_BY(8)
  for (int t = 0; t < args.tokens; t++) {
    const int64_t place = (base + t) * args.width + channel;
    const float keep = chainOf(alpha, t);
    sum = keep * sum + omega[t] * at<const float>(args.items)[place];
    z = keep * z + omega[t];
    at<float>(args.pooled)[place] = __fdividef(sum, z);
    if (channel == 0) at<float>(args.z)[base + t] = z;
  }
}

/** One warp a token; the token's own part of Gz. */
KVFOLD_DEVICE void poolScanDots(const DmcPoolScanGradientArgs& args, int64_t token) {
  float sum = 0;
  for (int i = threadIdx.x & 31; i < args.width; i += 32) {
    sum += at<const float>(args.dPooled)[token * args.width + i] * at<const float>(args.pooled)[token * args.width + i];
  }
  sum = warpSum(sum);
  if ((threadIdx.x & 31) == 0) at<float>(args.pulls)[token] = at<const float>(args.dZ)[token] - __fdividef(sum, at<const float>(args.z)[token]);
}

/** Leaves Gn in dItems, and Gz where its parts were. */
KVFOLD_DEVICE void poolScanBack(const DmcPoolScanGradientArgs& args) {
  const int channel = static_cast<int>(blockIdx.x * poolScanThreads + threadIdx.x);
  if (channel >= args.width) return;
  const int64_t base = static_cast<int64_t>(blockIdx.y) * args.tokens;
  const float* alpha = at<const float>(args.alpha) + base;
  float pull = 0, pullZ = 0;
  KVFOLD_UNROLL_BY(8)
  for (int t = args.tokens - 1; t >= 0; t--) {
    const int64_t place = (base + t) * args.width + channel;
    const float keep = t + 1 < args.tokens ? chainOf(alpha, t + 1) : 0;
    pull = __fdividef(at<const float>(args.dPooled)[place], at<const float>(args.z)[base + t]) + keep * pull;
    at<float>(args.dItems)[place] = pull;
    if (channel != 0) continue;
    pullZ = at<const float>(args.pulls)[base + t] + keep * pullZ;
    at<float>(args.pulls)[base + t] = pullZ;
  }
}

/** One warp a token: dOmega = x . Gn + Gz, dAlpha = n_{t-1} . Gn + z_{t-1} Gz, dItem = omega Gn. */
KVFOLD_DEVICE void poolScanGradient(const DmcPoolScanGradientArgs& args, int64_t token) {
  const float omega = at<const float>(args.omega)[token], pullZ = at<const float>(args.pulls)[token];
  const bool follows = token % args.tokens != 0;
  const float zBefore = follows ? at<const float>(args.z)[token - 1] : 0;
  float ofItem = 0, ofSum = 0;
  for (int i = threadIdx.x & 31; i < args.width; i += 32) {
    float& pull = at<float>(args.dItems)[token * args.width + i];
    ofItem += at<const float>(args.items)[token * args.width + i] * pull;
    if (follows) ofSum += at<const float>(args.pooled)[(token - 1) * args.width + i] * pull;
    pull *= omega;
  }
  ofItem = warpSum(ofItem);
  ofSum = warpSum(ofSum);
  if ((threadIdx.x & 31) != 0) return;
  at<float>(args.dOmega)[token] = ofItem + pullZ;
  at<float>(args.dAlpha)[token] = zBefore * (ofSum + pullZ);
}

}  // namespace kvfold
