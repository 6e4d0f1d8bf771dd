// Training attention, forward and backward, against plain loops in double over the contract's definition.
#include <cstdio>
#include <memory>

#include "../kernels/args/column-attention.h"
#include "check.h"

namespace {

using namespace kvfold;
using namespace kvfold::test;

struct Case {
  const char* title;
  int rows, kvHeads, group, tokens, headDim;
  int bias;  // 0: none, 1: soft, 2: hides every third key
  std::vector<std::vector<int>> documents;
  int window = 1 << 30;
  int biasDelay = 0;
};

int padded(int headDim) { return headDim <= 32 ? 32 : headDim <= 64 ? 64 : headDim <= 96 ? 96 : 128; }

/** A side of the products as the kernels take it. */
struct Side {
  std::unique_ptr<Array<uint16_t>> main;
  uint64_t address;
  Side(const Array<float>& x, int headDim, bool exact, float factor) : address(x.address()) {
    if (exact) return;
    const int dims = padded(headDim);
    const int64_t count = static_cast<int64_t>(x.count()) / headDim;
    main = std::make_unique<Array<uint16_t>>(count * dims);
    address = main->address();
    const Bf16PlanesArgs args = {x.address(), address, 0, count, headDim, dims, factor};
    launch("kvfold_bf16_planes", args, static_cast<unsigned>((count * dims + 1023) / 1024), 256);
  }
};

void run(const Case& c, bool exact) {
  const int T = c.tokens, D = c.headDim, qHeads = c.kvHeads * c.group, lanes = c.rows * c.kvHeads, heads = c.rows * qHeads, dims = padded(D);
  const float scale = 1 / sqrtf(static_cast<float>(D));
  Numbers numbers(T * 100 + D);
  Array<float> q(heads * T * D), k(lanes * T * D), v(lanes * T * D), bias(lanes * T), dOut(heads * T * D), dLse(heads * T);
  Array<float> out(heads * T * D), lse(heads * T), delta(heads * T), dq(heads * T * D), dk(lanes * T * D), dv(lanes * T * D), dBias(lanes * T);
  Array<int> starts(c.rows * T, 0);
  numbers.fill(q, 2), numbers.fill(k, 2), numbers.fill(v), numbers.fill(bias, 3), numbers.fill(dOut), numbers.fill(dLse);
  for (int i = 0; i < lanes * T && c.bias == 2; i++) bias[i] = i % 3 == 1 ? (i % 2 == 0 ? -50000.0f : -INFINITY) : 0;
  for (size_t row = 0; row < c.documents.size(); row++) {
    int start = 0, at = 0;
    for (int length : c.documents[row]) {
      for (int i = 0; i < length; i++) starts[row * T + at++] = start;
      start += length;
    }
  }
  const Side qp(q, D, exact, scale * 1.4426950408889634f), kp(k, D, exact, 1), vp(v, D, exact, 1), dp(dOut, D, exact, 1);
  const uint64_t biasAddress = c.bias ? bias.address() : 0, startsAddress = c.documents.empty() ? 0 : starts.address();
  const ColumnAttentionArgs args = {qp.address, kp.address, vp.address, biasAddress, startsAddress, out.address(), lse.address(), qHeads, c.kvHeads, T, D, c.window, c.biasDelay, scale};
  const auto go = [&](const char* kind, const auto& with, unsigned y, int shared, int tile) {
    char name[64];
    snprintf(name, sizeof name, "kvfold_column_attention_%s%s%d", kind, exact ? "exact_" : "", dims);
    launch3(name, with, {{static_cast<unsigned>((T + tile - 1) / tile), y, 1}, {columnThreads, 1, 1}, static_cast<size_t>(shared)});
  };
  go("", args, heads, exact ? columnExactSharedBytes(dims) : columnSharedBytes(dims), columnTile);
  launch("kvfold_column_attention_delta", ColumnDeltaArgs{out.address(), dOut.address(), dLse.address(), delta.address(), heads * T, D}, (heads * T + 7) / 8, 256);
  const ColumnAttentionGradientArgs pull = {qp.address, kp.address, vp.address, dp.address, biasAddress, startsAddress, lse.address(), delta.address(),
                                            dq.address(), dk.address(), dv.address(), dBias.address(), qHeads, c.kvHeads, T, D, c.window, c.biasDelay, scale};
  const int shared = exact ? columnExactGradientSharedBytes(dims) : columnGradientSharedBytes(dims), tile = exact ? columnExactTile : columnTile;
  go("dq_", pull, heads, shared, tile);
  go("dkv_", pull, lanes, shared, tile);

  std::vector<double> eOut(out.count()), eLse(lse.count()), eQ(dq.count()), eK(dk.count()), eV(dv.count()), eBias(dBias.count());
  for (int head = 0; head < heads; head++) {
    const int row = head / qHeads, lane = row * c.kvHeads + head % qHeads / c.group;
    for (int i = 0; i < T; i++) {
      std::vector<double> p(T, 0.0);
      double peak = -1e300, total = 0, along = 0;
      const auto sees = [&](int j) { return j <= i && i - j < c.window && j >= starts[row * T + i]; };
      for (int j = 0; j < T; j++) {
        if (!sees(j)) continue;
        for (int d = 0; d < D; d++) p[j] += scale * q[(head * T + i) * D + d] * static_cast<double>(k[(lane * T + j) * D + d]);
        if (c.bias && i - j > c.biasDelay) p[j] += fmax(bias[lane * T + j], -1e30);
        peak = fmax(peak, p[j]);
      }
      for (int j = 0; j < T; j++) total += p[j] = sees(j) ? exp(p[j] - peak) : 0;
      eLse[head * T + i] = peak + log(total);
      for (int j = 0; j < T; j++) {
        p[j] /= total;
        for (int d = 0; d < D; d++) eOut[(head * T + i) * D + d] += p[j] * v[(lane * T + j) * D + d];
      }
      for (int d = 0; d < D; d++) along += dOut[(head * T + i) * D + d] * eOut[(head * T + i) * D + d];
      along -= dLse[head * T + i];
      for (int j = 0; j < T; j++) {
        if (p[j] == 0) continue;
        double pulled = 0;
        for (int d = 0; d < D; d++) pulled += dOut[(head * T + i) * D + d] * static_cast<double>(v[(lane * T + j) * D + d]);
        const double ds = p[j] * (pulled - along);
        if (i - j > c.biasDelay) eBias[lane * T + j] += ds;
        for (int d = 0; d < D; d++) {
          eQ[(head * T + i) * D + d] += ds * scale * k[(lane * T + j) * D + d];
          eK[(lane * T + j) * D + d] += ds * scale * q[(head * T + i) * D + d];
          eV[(lane * T + j) * D + d] += p[j] * dOut[(head * T + i) * D + d];
        }
      }
    }
  }
  const double tolerance = exact ? 4e-6 : 2e-2;
  char what[128];
  const auto compare = [&](const char* name, const Array<float>& got, const std::vector<double>& expected) {
    snprintf(what, sizeof what, "%s%s: %s", c.title, exact ? ", exact" : "", name);
    checkClose(what, got, expected, tolerance);
  };
  compare("out", out, eOut);
  compare("lse", lse, eLse);
  compare("dq", dq, eQ);
  compare("dk", dk, eK);
  compare("dv", dv, eV);
  if (c.bias) compare("dBias", dBias, eBias);
}

KVFOLD_TEST(columnAttention) {
  const Case cases[] = {
      {"one token", 2, 2, 1, 1, 4, 1, {}},
      {"no bias, groups of 3", 1, 2, 3, 6, 8, 0, {}},
      {"keys hidden by their bias", 1, 2, 1, 70, 64, 2, {}},
      {"a window", 1, 1, 2, 100, 32, 1, {}, 30},
      {"documents", 2, 1, 1, 75, 33, 1, {{30, 1, 44}, {75}}},
      {"a bias that waits", 1, 1, 2, 70, 96, 1, {}, 1 << 30, 12},
      {"everything at once", 1, 1, 1, 85, 128, 2, {{55, 30}}, 40, 9},
  };
  for (const Case& c : cases) {
    run(c, true);
    run(c, false);
  }
}

}  // namespace
