#include "reduce.h"

#include "simd-double.h"
#include "vector-math.h"

namespace kvfold::KVFOLD_ISA {
namespace {

struct Max {
  static constexpr float start = -__builtin_inff();
  KVFOLD_INLINE F of(F a, F b) { return a > b || a != a ? a : b; }
};
struct Min {
  static constexpr float start = __builtin_inff();
  KVFOLD_INLINE F of(F a, F b) { return a < b || a != a ? a : b; }
};

// ---- rows

double rowSum(const float* x, int64_t n) {
  DoubleSum first, second;
  int64_t i = 0;
  for (; i + 2 * width <= n; i += 2 * width) {
    first.add(load(x + i));
    second.add(load(x + i + width));
  }
  if (i + width <= n) {
    first.add(load(x + i));
    i += width;
  }
  if (i < n) second.add(loadFirst(x + i, n - i));
  return first.total() + second.total();
}

void sumRows(const float* x, int64_t rows, int64_t n, float* out) {
  for (int64_t r = 0; r < rows; r++) out[r] = static_cast<float>(rowSum(x + r * n, n));
}

void meanRows(const float* x, int64_t rows, int64_t n, float* out) {
  for (int64_t r = 0; r < rows; r++) out[r] = static_cast<float>(rowSum(x + r * n, n) / static_cast<double>(n));
}

/** Max or min: the result does not depend on the order, so short rows may repeat elements. */
template <class Op>
float rowBest(const float* x, int64_t n) {
  if (n < width) {
    F best = all(Op::start);
    for (int64_t i = 0; i < n; i++) best = Op::of(best, all(x[i]));
    return best[0];
  }
  F first = load(x), second = first;
  int64_t i = 0;
  for (; i + 2 * width <= n; i += 2 * width) {
    first = Op::of(first, load(x + i));
    second = Op::of(second, load(x + i + width));
  }
  if (i + width <= n) first = Op::of(first, load(x + i));
  first = Op::of(Op::of(first, load(x + n - width)), second);
  F best = all(first[0]);
  for (int lane = 1; lane < width; lane++) best = Op::of(best, all(first[lane]));
  return best[0];
}

template <class Op>
void bestRows(const float* x, int64_t rows, int64_t n, float* out) {
  for (int64_t r = 0; r < rows; r++) out[r] = rowBest<Op>(x + r * n, n);
}

void prodRows(const float* x, int64_t rows, int64_t n, float* out) {
  for (int64_t r = 0; r < rows; r++) {
    double product = 1;
    for (int64_t i = 0; i < n; i++) product *= x[r * n + i];
    out[r] = static_cast<float>(product);
  }
}

// ---- columns

/** One vector of columns at a time; `count` lanes of it are wanted. */
KVFOLD_INLINE void columnSum(const float* x, int64_t n, int64_t stride, int64_t count, double divisor, float* out) {
  DoubleSum sum;
  for (int64_t r = 0; r < n; r++) sum.add(loadUpTo(x + r * stride, count));
  storeUpTo(out, rounded(sum.low / allDoubles(divisor), sum.high / allDoubles(divisor)), count);
}

void addColumns(const float* x, int64_t n, int64_t stride, int64_t columns, double divisor, float* out) {
  int64_t c = 0;
  // Four vectors of columns at once use whole cache lines of each row.
  for (; c + 4 * width <= columns; c += 4 * width) {
    DoubleSum sums[4];
    for (int64_t r = 0; r < n; r++) {
      KVFOLD_UNROLL
      for (int v = 0; v < 4; v++) sums[v].add(load(x + r * stride + c + v * width));
    }
    KVFOLD_UNROLL
    for (int v = 0; v < 4; v++) {
      store(out + c + v * width, rounded(sums[v].low / allDoubles(divisor), sums[v].high / allDoubles(divisor)));
    }
  }
  for (; c < columns; c += width) columnSum(x + c, n, stride, columns - c, divisor, out + c);
}

void sumColumns(const float* x, int64_t n, int64_t stride, int64_t columns, float* out) {
  addColumns(x, n, stride, columns, 1, out);
}

void meanColumns(const float* x, int64_t n, int64_t stride, int64_t columns, float* out) {
  addColumns(x, n, stride, columns, static_cast<double>(n), out);
}

template <class Op>
void bestColumns(const float* x, int64_t n, int64_t stride, int64_t columns, float* out) {
  for (int64_t c = 0; c < columns; c += width) {
    F best = all(Op::start);
    for (int64_t r = 0; r < n; r++) best = Op::of(best, loadUpTo(x + r * stride + c, columns - c));
    storeUpTo(out + c, best, columns - c);
  }
}

void prodColumns(const float* x, int64_t n, int64_t stride, int64_t columns, float* out) {
  for (int64_t c = 0; c < columns; c++) {
    double product = 1;
    for (int64_t r = 0; r < n; r++) product *= x[r * stride + c];
    out[c] = static_cast<float>(product);
  }
}

// ---- places

/** The best value by vectors, then its first place. */
template <class Op>
void places(const float* x, int64_t rows, int64_t n, int32_t* out) {
  for (int64_t r = 0; r < rows; r++) {
    const float* row = x + r * n;
    int64_t place = 0;
    float best = n > 0 ? row[0] : 0;
    if (best == best) {
      F values = all(Op::start);
      int64_t i = 0;
      for (; i + width <= n; i += width) {
        const F v = load(row + i);
        values = Op::of(v == v ? v : all(Op::start), values);
      }
      for (; i < n; i++) values = Op::of(row[i] == row[i] ? all(row[i]) : all(Op::start), values);
      best = values[0];
      for (int lane = 1; lane < width; lane++) best = Op::of(all(values[lane]), all(best))[0];
      while (row[place] != best) place++;
    }
    out[r] = static_cast<int32_t>(place);
  }
}

}  // namespace

extern const ReduceKernels reduceKernels;
const ReduceKernels reduceKernels = {
    {sumRows, meanRows, bestRows<Max>, bestRows<Min>, prodRows},
    {sumColumns, meanColumns, bestColumns<Max>, bestColumns<Min>, prodColumns},
    places<Max>,
    places<Min>,
};

}  // namespace kvfold::KVFOLD_ISA
