// DMC's windowed averages and their gradient, against the definition and against differences of it.
#include "../kernels/args/dmc-pool.h"
#include "check.h"

namespace {

using namespace kvfold;
using namespace kvfold::test;

struct Inputs {
  std::vector<double> items, alpha, omega;
  int tokens, width, window;
};

/** Sum over all outputs times their given gradients, for one lane. */
double objective(const Inputs& in, const float* dPooled, const float* dZ, std::vector<double>* pooled, std::vector<double>* zs) {
  double sum = 0;
  for (int t = 0; t < in.tokens; t++) {
    double z = 0, reach = 1;
    std::vector<double> mean(in.width, 0.0);
    for (int s = t; s >= 0 && s > t - in.window; s--) {
      z += reach * in.omega[s];
      for (int c = 0; c < in.width; c++) mean[c] += reach * in.omega[s] * in.items[s * in.width + c];
      reach *= s == 0 ? 0 : in.alpha[s];
    }
    for (int c = 0; c < in.width; c++) {
      sum += mean[c] / z * dPooled[t * in.width + c];
      if (pooled != nullptr) pooled->push_back(mean[c] / z);
    }
    sum += z * dZ[t];
    if (zs != nullptr) zs->push_back(z);
  }
  return sum;
}

/** With a window of all tokens the kernels for any window run. */
void run(int lanes, int tokens, int width, int window, bool hard) {
  Numbers numbers(tokens + width + window);
  Array<float> items(lanes * tokens * width), alpha(lanes * tokens), omega(lanes * tokens), pooled(items.count()), z(alpha.count());
  Array<float> dPooled(items.count()), dZ(alpha.count()), dots(static_cast<size_t>(lanes) * tokens * window), scratch(alpha.count());
  Array<float> dItems(items.count()), dAlpha(alpha.count()), dOmega(alpha.count());
  numbers.fill(items), numbers.fill(alpha), numbers.fill(omega), numbers.fill(dPooled), numbers.fill(dZ);
  for (size_t i = 0; i < alpha.count(); i++) {
    alpha[i] = hard ? (alpha[i] > 0 ? 1 : 0) : 0.5f + 0.5f * alpha[i];
    omega[i] = 1.1f + omega[i];
  }
  const DmcPoolArgs forward = {items.address(), alpha.address(), omega.address(), pooled.address(), z.address(), tokens, width, window};
  if (window < tokens) {
    const emulator::Launch how = {{(static_cast<unsigned>(tokens) + poolTokens - 1) / poolTokens, static_cast<unsigned>(lanes), 1}, {poolThreads, 1, 1}, 0};
    launch3("kvfold_dmc_pool", forward, how);
    const DmcPoolGradientArgs args = {items.address(), alpha.address(), omega.address(), dPooled.address(), dZ.address(), scratch.address(), dots.address(),
                                      dItems.address(), dAlpha.address(), dOmega.address(), tokens, width, window};
    launch3("kvfold_dmc_pool_dots", args, how);
    launch3("kvfold_dmc_pool_gradient", args, how);
  } else {
    const emulator::Launch how = {{(static_cast<unsigned>(width) + poolScanThreads - 1) / poolScanThreads, static_cast<unsigned>(lanes), 1}, {poolScanThreads, 1, 1}, 0};
    const unsigned perToken = (static_cast<unsigned>(lanes * tokens) + 7) / 8;
    launch3("kvfold_dmc_pool_scan", forward, how);
    const DmcPoolScanGradientArgs args = {items.address(), alpha.address(), omega.address(), pooled.address(), z.address(), dPooled.address(), dZ.address(),
                                          scratch.address(), dItems.address(), dAlpha.address(), dOmega.address(), lanes, tokens, width};
    launch("kvfold_dmc_pool_scan_dots", args, perToken, 256);
    launch3("kvfold_dmc_pool_scan_back", args, how);
    launch("kvfold_dmc_pool_scan_gradient", args, perToken, 256);
  }
  std::vector<double> ePooled, eZ, eItems, eAlpha, eOmega;
  for (int lane = 0; lane < lanes; lane++) {
    const size_t base = static_cast<size_t>(lane) * tokens;
    Inputs in = {{}, {}, {}, tokens, width, window};
    in.items.assign(items.data() + base * width, items.data() + (base + tokens) * width);
    in.alpha.assign(alpha.data() + base, alpha.data() + base + tokens);
    in.omega.assign(omega.data() + base, omega.data() + base + tokens);
    const float *pull = dPooled.data() + base * width, *pullZ = dZ.data() + base;
    objective(in, pull, pullZ, &ePooled, &eZ);
    const auto slope = [&](double& x) {
      const double step = 1e-4, old = x;
      x = old + step;
      const double up = objective(in, pull, pullZ, nullptr, nullptr);
      x = old - step;
      const double down = objective(in, pull, pullZ, nullptr, nullptr);
      x = old;
      return (up - down) / (2 * step);
    };
    for (double& x : in.items) eItems.push_back(slope(x));
    for (double& x : in.alpha) eAlpha.push_back(slope(x));
    for (double& x : in.omega) eOmega.push_back(slope(x));
  }
  checkClose("pooled", pooled, ePooled, 3e-6);
  checkClose("z", z, eZ, 3e-6);
  checkClose("dItems", dItems, eItems, 1e-5);
  checkClose("dAlpha", dAlpha, eAlpha, 1e-5);
  checkClose("dOmega", dOmega, eOmega, 1e-5);
}

KVFOLD_TEST(dmcPool) {
  run(2, 13, 3, 12, false);
  run(1, 80, 6, 4, true);
  run(1, 70, 5, 12, false);
  run(2, 9, 130, 1, false);
  run(1, 40, 3, 32, false);
  run(2, 50, 3, 50, false);
  run(1, 9, 70, 9, true);
}

}  // namespace
