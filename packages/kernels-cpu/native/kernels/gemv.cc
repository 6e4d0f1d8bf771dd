#include "gemv.h"

#include "prefetch.h"
#include "weight-decode.h"

namespace kvfold::KVFOLD_ISA {
namespace {

/** `xs` rows of x against `outputs` rows of weights, `apart` rows from each other; sums over the even and the odd vectors are kept apart. */
template <WeightFormat format, int outputs, int xs>
KVFOLD_INLINE void outputsOf(const GemvTask& task, int64_t output, int64_t apart) {
  using W = Weights<format>;
  const uint8_t* rows[outputs];
  KVFOLD_UNROLL
  for (int o = 0; o < outputs; o++) rows[o] = task.weights + (output + o * apart) * task.rowBytes;
  const float* x[xs];
  // Rows beyond the task's repeat its last one and are not stored.
  KVFOLD_UNROLL
  for (int r = 0; r < xs; r++) x[r] = task.x + (r < task.rows ? r : task.rows - 1) * task.inputs;
  F sums[outputs][xs][2];
  KVFOLD_UNROLL
  for (int o = 0; o < outputs; o++) {
    KVFOLD_UNROLL
    for (int r = 0; r < xs; r++) sums[o][r][0] = sums[o][r][1] = all(0);
  }
  const int64_t steps = task.inputs / W::stepValues;
  Prefetch prefetch = inStreams ? Prefetch::ofStreams(rows[0], apart * task.rowBytes, W::stepBytes)
                                : Prefetch::of(rows[0], task.rowBytes, outputs, W::stepBytes);
  for (int64_t step = 0; step < steps; step++) {
    KVFOLD_UNROLL
    for (int o = 0; o < outputs; o++) {
      prefetch.template ask<W::stepBytes>(o);
      F w[W::vectors];
      if constexpr (W::scalesSums) {
        const F scale = W::scaleOf(rows[o], step);
        W::codes(rows[o], step, w);
        KVFOLD_UNROLL
        for (int r = 0; r < xs; r++) {
          const float* at = x[r] + step * W::stepValues;
          F part = mul(w[0], load(at));
          KVFOLD_UNROLL
          for (int i = 1; i < W::vectors; i++) part = fma(w[i], load(at + i * width), part);
          sums[o][r][0] = fma(part, scale, sums[o][r][0]);
        }
        continue;
      }
      W::decode(rows[o], step, w);
      KVFOLD_UNROLL
      for (int r = 0; r < xs; r++) {
        const float* at = x[r] + step * W::stepValues;
        KVFOLD_UNROLL
        for (int i = 0; i < W::vectors; i++) sums[o][r][i & 1] = fma(w[i], load(at + i * width), sums[o][r][i & 1]);
      }
    }
    prefetch.advance();
  }
  if constexpr (W::hasRest) {
    const int64_t rest = task.inputs - steps * W::stepValues;
    for (int o = 0; rest > 0 && o < outputs; o++) {
      F w[W::vectors];
      W::decodeRest(rows[o], steps, rest, w);
      KVFOLD_UNROLL
      for (int r = 0; r < xs; r++) {
        const float* at = x[r] + steps * W::stepValues;
        KVFOLD_UNROLL
        for (int i = 0; i < W::vectors; i++) {
          sums[o][r][i & 1] = fma(w[i], loadUpTo(at + i * width, rest - i * width), sums[o][r][i & 1]);
        }
      }
    }
  }
  // Sums are first taken out with constant indices: a variable one would keep them all in memory.
  float results[outputs][xs];
  KVFOLD_UNROLL
  for (int o = 0; o < outputs; o++) {
    KVFOLD_UNROLL
    for (int r = 0; r < xs; r++) results[o][r] = sum(add(sums[o][r][0], sums[o][r][1]));
  }
  for (int o = 0; o < outputs; o++) {
    const int64_t at = output + o * apart;
    const float bias = task.bias == nullptr ? 0 : task.bias[at];
    for (int r = 0; r < xs && r < task.rows; r++) task.y[r * task.yStride + at] = results[o][r] + bias;
  }
}

template <WeightFormat format, int outputs, int xs>
void gemvRows(const GemvTask& task, int64_t begin, int64_t end) {
  const Groups groups = Groups::of(end - begin, outputs);
  for (int64_t i = 0; i < groups.count; i++) outputsOf<format, outputs, xs>(task, begin + i * groups.step, groups.apart);
  for (int64_t o = begin + groups.count * outputs; o < end; o++) outputsOf<format, 1, xs>(task, o, 1);
}

template <WeightFormat format>
void gemv(const GemvTask& task, int64_t begin, int64_t end) {
  if (task.rows == 1) return gemvRows<format, 4, 1>(task, begin, end);
  if (task.rows == 2) return gemvRows<format, 2, 2>(task, begin, end);
  if (task.rows <= 4) return gemvRows<format, 2, 4>(task, begin, end);
  gemvRows<format, 1, 8>(task, begin, end);
}

template <WeightFormat format>
void unpack(const uint8_t* row, int64_t first, int64_t count, float* out) {
  using W = Weights<format>;
  const int64_t firstStep = first / W::stepValues;
  const int64_t steps = count / W::stepValues;
  F w[W::vectors];
  for (int64_t step = 0; step < steps; step++) {
    W::decode(row, firstStep + step, w);
    for (int i = 0; i < W::vectors; i++) store(out + step * W::stepValues + i * width, w[i]);
  }
  if constexpr (W::hasRest) {
    const int64_t rest = count - steps * W::stepValues;
    if (rest == 0) return;
    W::decodeRest(row, firstStep + steps, rest, w);
    for (int i = 0; i < W::vectors; i++) storeUpTo(out + steps * W::stepValues + i * width, w[i], rest - i * width);
  }
}

}  // namespace

extern const GemvKernels gemvKernels;
const GemvKernels gemvKernels = {
    {gemv<WeightFormat::f32>, gemv<WeightFormat::bf16>, gemv<WeightFormat::f16>, gemv<WeightFormat::q8_0>,
     gemv<WeightFormat::q4_0>, gemv<WeightFormat::q4_1>, gemv<WeightFormat::q5_0>, gemv<WeightFormat::q5_1>,
     gemv<WeightFormat::q4_k>, gemv<WeightFormat::q6_k>},
    {unpack<WeightFormat::f32>, unpack<WeightFormat::bf16>, unpack<WeightFormat::f16>, unpack<WeightFormat::q8_0>,
     unpack<WeightFormat::q4_0>, unpack<WeightFormat::q4_1>, unpack<WeightFormat::q5_0>, unpack<WeightFormat::q5_1>,
     unpack<WeightFormat::q4_k>, unpack<WeightFormat::q6_k>},
};

}  // namespace kvfold::KVFOLD_ISA
