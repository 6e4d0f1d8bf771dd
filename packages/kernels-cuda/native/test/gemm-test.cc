// Products of all forms and sizes against plain loops in double over the same bf16 numbers.
#include <cstdio>

#include "../kernels/args/gemm.h"
#include "../kernels/math/bf16.h"
#include "check.h"

namespace {

using namespace kvfold;
using namespace kvfold::test;

struct Matrix {
  Array<uint16_t> bits;
  int rows, columns, ld, batch;

  Matrix(int rowCount, int columnCount, int batchCount, bool padded, Numbers& numbers)
      : bits(static_cast<size_t>(rowCount) * ((columnCount + 7) / 8 * 8 + (padded ? 8 : 0)) * batchCount),
        rows(rowCount),
        columns(columnCount),
        ld((columnCount + 7) / 8 * 8 + (padded ? 8 : 0)),
        batch(batchCount) {
    Array<float> x(static_cast<size_t>(rowCount) * batchCount * columnCount);
    numbers.fill(x);
    const int64_t count = static_cast<int64_t>(rowCount) * batchCount * ld;
    launch("kvfold_to_bf16", ToBf16Args{x.address(), bits.address(), static_cast<int64_t>(rowCount) * batchCount, columnCount, ld},
           static_cast<unsigned>((count + 1023) / 1024), 256);
  }
  double of(int b, int row, int column) const { return bf16ToFloat(bits[(static_cast<size_t>(b) * rows + row) * ld + column]); }
};

void run(bool aTurned, bool bTurned, int m, int n, int k, int batch, bool extras, int multiprocessors, int large = -1) {
  Numbers numbers(m * 131 + n * 17 + k);
  const Matrix a(aTurned ? k : m, aTurned ? m : k, batch, extras, numbers), b(bTurned ? n : k, bTurned ? k : n, batch, extras, numbers);
  GemmPlan plan = planGemm(m, n, k, batch, multiprocessors);
  if (large == 1) plan = {true, static_cast<uint32_t>((m + 127) / 128 * ((n + 127) / 128)), 1, 256, largeGemmTile.sharedBytes};
  const int ldc = n + (extras ? 3 : 0);
  Array<float> c(static_cast<size_t>(batch) * m * ldc), bias(n), residual(c.count()), partials(gemmPartialFloats(plan, batch));
  Array<uint16_t> narrow(c.count());
  Array<int> arrivals(plan.tiles * batch, 0);
  numbers.fill(bias), numbers.fill(residual);
  GemmArgs args = {};
  args.a = a.bits.address(), args.b = b.bits.address(), args.c = c.address();
  args.cBf16 = extras ? narrow.address() : 0, args.bias = extras ? bias.address() : 0, args.residual = extras ? residual.address() : 0;
  args.partials = partials.address(), args.arrivals = arrivals.address();
  args.batchA = static_cast<int64_t>(a.rows) * a.ld, args.batchB = static_cast<int64_t>(b.rows) * b.ld, args.batchC = static_cast<int64_t>(m) * ldc;
  args.m = m, args.n = n, args.k = k, args.lda = a.ld, args.ldb = b.ld, args.ldc = ldc;
  args.splits = static_cast<int>(plan.splits), args.alpha = extras ? 0.5f : 1;
  char name[64];
  snprintf(name, sizeof name, "kvfold_gemm_%c%c_%s", aTurned ? 't' : 'n', bTurned ? 't' : 'n', plan.large ? "large" : "small");
  launch3(name, args, {{plan.tiles, plan.splits, static_cast<unsigned>(batch)}, {plan.block, 1, 1}, plan.sharedBytes});
  std::vector<float> expected, got;
  for (int z = 0; z < batch; z++) {
    for (int row = 0; row < m; row++) {
      for (int column = 0; column < n; column++) {
        double sum = 0;
        for (int i = 0; i < k; i++) sum += (aTurned ? a.of(z, i, row) : a.of(z, row, i)) * (bTurned ? b.of(z, column, i) : b.of(z, i, column));
        const size_t place = (static_cast<size_t>(z) * m + row) * ldc + column;
        expected.push_back(static_cast<float>(sum * args.alpha + (extras ? bias[column] + residual[place] : 0.0)));
        got.push_back(c[place]);
        if (extras) check(narrow[place] == floatToBf16(c[place]), "%s: narrow result", name);
      }
    }
  }
  checkClose(name, got.data(), expected.data(), got.size(), 2e-6);
}

KVFOLD_TEST(gemm) {
  for (int form = 0; form < 4; form++) {
    const bool a = form >= 2, b = form % 2 == 1;
    run(a, b, 64, 64, 64, 1, false, 1);
    run(a, b, 5, 70, 40, 2, true, 1);
    run(a, b, 100, 30, 300, 1, true, 132);
    run(a, b, 130, 140, 72, 1, true, 1, 1);
  }
  run(false, true, 1, 200, 1000, 1, false, 132);
}

}  // namespace
