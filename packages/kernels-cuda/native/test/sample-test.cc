// Drawing tokens against a sampler that sorts, written after the one of the models package.
#include <algorithm>
#include <numeric>

#include "../kernels/args/sample.h"
#include "check.h"

namespace {

using namespace kvfold;
using namespace kvfold::test;

double nextNumber(uint32_t& state) {
  state += 0x9e3779b9u;
  uint32_t z = state;
  z = (z ^ z >> 16) * 0x21f0aaadu;
  z = (z ^ z >> 15) * 0x735a2d97u;
  return (z ^ z >> 15) / 4294967296.0;
}

/** The token, and how near the draw was to another one. */
int draw(const std::vector<float>& logits, SamplingRow& options, double& margin) {
  const int vocab = static_cast<int>(logits.size());
  std::vector<int> ids(vocab);
  std::iota(ids.begin(), ids.end(), 0);
  margin = 1;
  const bool filtered = (options.topK > 0 && options.topK < vocab) || options.topP < 1 || options.minP > 0;
  if (filtered || options.temperature == 0) {
    std::stable_sort(ids.begin(), ids.end(), [&](int a, int b) { return logits[a] > logits[b]; });
  }
  if (options.temperature == 0) return ids[0];
  const float peak = *std::max_element(logits.begin(), logits.end());
  std::vector<double> weights;
  for (int id : ids) weights.push_back(exp((static_cast<double>(logits[id]) - peak) / options.temperature));
  size_t count = options.topK > 0 && options.topK < vocab ? options.topK : vocab;
  double total = std::accumulate(weights.begin(), weights.begin() + count, 0.0), sum = 0;
  if (options.topP < 1) {
    for (size_t i = 0; i < count; i++) {
      sum += weights[i];
      margin = fmin(margin, fabs(sum - options.topP * total) / total);
      if (sum >= options.topP * total) count = i + 1;
    }
  }
  while (count > 1 && weights[count - 1] < options.minP) count--;
  total = std::accumulate(weights.begin(), weights.begin() + count, 0.0);
  double left = nextNumber(options.random) * total;
  for (size_t i = 0; i < count; i++) {
    margin = fmin(margin, fabs(left) / total);
    left -= weights[i];
    margin = fmin(margin, fabs(left) / total);
    if (left < 0) return ids[i];
  }
  return ids[count - 1];
}

KVFOLD_TEST(sampling) {
  const SamplingRow settings[] = {
      {0, 1, 0, 1, 0, 1},        {1, 1, 0, 1, 0, 2},    {0.7f, 0.9f, 0, 1, 0, 3}, {1, 1, 0, 1, 5, 4},
      {1.5f, 1, 0.1f, 1, 0, 5},  {0.8f, 0.95f, 0.05f, 1, 40, 6}, {1, 1, 0, 1.3f, 10, 7}, {0, 1, 0, 2, 0, 8},
      {2, 0.5f, 0, 1, 3, 9},     {1, 1, 0, 1, 100000, 10},       {1, 1e-6f, 0, 1, 0, 11}, {0.01f, 0.9f, 0.5f, 1, 7, 12},
  };
  const int rows = sizeof settings / sizeof settings[0], vocab = 2500, words = (vocab + 31) / 32;
  Array<float> logits(rows * vocab);
  Array<SamplingRow> options(rows);
  Array<uint32_t> seen(rows * words, 0);
  Array<int> tokens(rows);
  Numbers numbers(8);
  std::vector<SamplingRow> expected(settings, settings + rows);
  for (int row = 0; row < rows; row++) options[row] = settings[row];
  int drawn = 0;
  for (int step = 0; step < 3; step++) {
    numbers.fill(logits, 6);
    // equal logits must be told apart by their ids
    for (size_t i = 0; i < logits.count(); i++) logits[i] = step % 2 == 0 ? roundf(logits[i]) : logits[i];
    logits[step] = -INFINITY;
    std::vector<std::vector<float>> penalised(rows);
    for (int row = 0; row < rows; row++) {
      for (int id = 0; id < vocab; id++) {
        const float x = logits[row * vocab + id];
        const bool was = (seen[row * words + id / 32] >> (id % 32) & 1) != 0;
        const float penalty = expected[row].repetitionPenalty;
        penalised[row].push_back(!was || penalty == 1 ? x : x > 0 ? x / penalty : x * penalty);
      }
    }
    launch("kvfold_sample", SampleArgs{logits.address(), options.address(), seen.address(), tokens.address(), vocab}, rows, sampleThreads, sampleSharedBytes);
    for (int row = 0; row < rows; row++) {
      double margin = 0;
      const int token = draw(penalised[row], expected[row], margin);
      check(options[row].random == expected[row].random, "row %d: random numbers taken", row);
      if (margin < 1e-6) continue;
      drawn++;
      check(tokens[row] == token, "row %d step %d: token %d, expected %d (margin %g)", row, step, tokens[row], token, margin);
      check((seen[row * words + token / 32] >> (token % 32) & 1) != 0, "row %d: token noted", row);
    }
  }
  check(drawn > 25, "only %d draws were clear", drawn);
}

KVFOLD_TEST(samplingBrokenLogits) {
  for (float bad : {NAN, INFINITY}) {
    Array<float> logits(100, 1.0f);
    Array<SamplingRow> options(1);
    Array<int> tokens(1);
    options[0] = {1, 1, 0, 1, 0, 1};
    logits[70] = bad;
    launch("kvfold_sample", SampleArgs{logits.address(), options.address(), 0, tokens.address(), 100}, 1, sampleThreads, sampleSharedBytes);
    check(tokens[0] == -1, "logits that are no numbers");
  }
}

}  // namespace
