// Measures the kernels against this machine's ceilings; prints one JSON object a line.
// By default the best instruction set of the machine, and AVX2 beside it.
//   bench [--sets NAME,...] [--threads N] [--large MEGABYTES] [--quick] [--only gemm|gemv|attention] [--training: the products
//   of a training step only]
#include <cstring>

#include "../matrix/gemm-f32.h"
#include "../matrix/packed-linear.h"
#include "../system/memory-pool.h"
#include "../system/runtime.h"
#include "../system/thread-pool.h"
#include "attention-bench.h"
#include "measure.h"
#include "read-ceiling.h"

namespace {

using namespace kvfold;
using namespace kvfold::bench;

double measureFma(InstructionSet set) {
  const CeilingKernels& ceiling = *kernels().ceilings;
  constexpr int64_t rounds = 200000;
  const int threads = threadCount();
  const Timing time = measure([&] {
    parallelFor(threads * 8, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) sink = ceiling.multiplyAdd(rounds);
    });
  });
  const double amount = 2.0 * 16 * ceiling.width * rounds * threads * 8;
  report("ceiling-multiply-add", set, "f32", "", "GFLOP/s", amount, time, 0);
  return amount / time.median * 1e-9;
}

const char* const formatNames[] = {"f32", "bf16", "f16", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "q4_k", "q6_k"};

/** Bytes that decode to sane values in every format: every half is between 0.0005 and 0.5. */
void fillWeights(uint8_t* data, int64_t bytes) {
  uint32_t state = 1;
  for (int64_t i = 0; i < bytes; i++) {
    state = state * 1664525 + 1013904223;
    data[i] = static_cast<uint8_t>(0x10 + (state >> 24) % 40);
  }
}

/** Whether any kernel takes one row in so many digits; what has none takes floats. */
bool codesRow(int format, int digits) {
  const KernelTable& table = kernels();
  return table.codedGemv->gemv[format][digits - 1] != nullptr || table.wideGemv->gemv[format][digits - 1] != nullptr ||
         table.superGemv->gemv[format][digits - 1] != nullptr;
}

void measureGemv(InstructionSet set, const uint8_t* weights, int64_t bytes, const char* detail, const ReadCeiling& ceiling) {
  constexpr int64_t inputs = 1536;
  for (int f = 0; f < weightFormatCount; f++) {
    const WeightFormat format = static_cast<WeightFormat>(f);
    const int64_t rowBytes = rowBytesOf(format, inputs);
    const int64_t outputs = bytes / rowBytes;
    Scratch x(inputs * 4 * 8), y(outputs * 4 * 8);
    for (int64_t i = 0; i < inputs * 8; i++) x.as<float>()[i] = static_cast<float>(i % 17) - 8;
    const PackedLinear layer = {format, weights, outputs, inputs, nullptr};
    for (int digits = 0; digits <= 3; digits++) {
      if (digits > 0 && !codesRow(f, digits)) continue;
      setActivationDigits(digits);
      for (int rows = 1; rows <= (digits == 0 || digits == 3 ? 4 : 1); rows += 3) {
        const auto [time, read] = ceiling.beside([&] { packedLinear(layer, x.as<float>(), rows, y.as<float>()); });
        char text[96];
        snprintf(text, sizeof text, "%s, %d digits, %d rows", detail, digits, rows);
        report("gemv", set, formatNames[f], text, "GB/s", static_cast<double>(outputs * rowBytes), time, read);
      }
    }
  }
}

void measureGemm(InstructionSet set, double peak) {
  for (int64_t n = 256; n <= 1024; n *= 4) {
    Scratch a(n * n * 4), b(n * n * 4), c(n * n * 4);
    for (int64_t i = 0; i < n * n; i++) a.as<float>()[i] = b.as<float>()[i] = static_cast<float>(i % 13) - 6;
    const MatrixF32 left = {a.as<float>(), n, 1};
    for (int transposed = 0; transposed < 2; transposed++) {
      const MatrixF32 right = transposed ? MatrixF32{b.as<float>(), 1, n} : MatrixF32{b.as<float>(), n, 1};
      const Timing time = measure([&] { gemmF32(left, right, c.as<float>(), n, n, n); });
      char text[32];
      snprintf(text, sizeof text, "%d^3%s", static_cast<int>(n), transposed ? ", transposed b" : "");
      report("gemm", set, "f32", text, "GFLOP/s", 2.0 * n * n * n, time, peak);
    }
  }
}

/** The products of a training step: 4,096 tokens, 256 hidden, 704 in the MLP, a vocabulary of 4,096. */
void measureTraining(InstructionSet set, double peak) {
  struct Shape {
    const char* detail;
    int64_t m, n, k;
    bool transposeA, transposeB;
  };
  const Shape shapes[] = {
      {"x [4096,256] w^T [256,256]", 4096, 256, 256, false, true},
      {"x [4096,256] w^T [704,256]", 4096, 704, 256, false, true},
      {"x [4096,704] w^T [256,704]", 4096, 256, 704, false, true},
      {"x [4096,256] e^T [4096,256]", 4096, 4096, 256, false, true},
      {"dy [4096,256] w [256,256]", 4096, 256, 256, false, false},
      {"dy [4096,704] w [704,256]", 4096, 256, 704, false, false},
      {"dy [4096,256] w [256,704]", 4096, 704, 256, false, false},
      {"dy [4096,4096] e [4096,256]", 4096, 256, 4096, false, false},
      {"dy^T [256,4096] x [4096,256]", 256, 256, 4096, true, false},
      {"dy^T [704,4096] x [4096,256]", 704, 256, 4096, true, false},
      {"dy^T [256,4096] x [4096,704]", 256, 704, 4096, true, false},
      {"dy^T [4096,4096] x [4096,256]", 4096, 256, 4096, true, false},
      {"g [256,704] g^T [704,256]", 256, 256, 704, false, true},
      {"g [1024,1024] g [1024,1024]", 1024, 1024, 1024, false, false},
  };
  constexpr int64_t largest = 4096 * 4096;
  Scratch a(largest * 4), b(largest * 4), c(largest * 4);
  for (int64_t i = 0; i < largest; i++) a.as<float>()[i] = b.as<float>()[i] = static_cast<float>(i % 1013) * 0.01f - 5;
  for (const Shape& shape : shapes) {
    const auto [detail, m, n, k, transposeA, transposeB] = shape;
    const MatrixF32 left = transposeA ? MatrixF32{a.as<float>(), 1, m} : MatrixF32{a.as<float>(), k, 1};
    const MatrixF32 right = transposeB ? MatrixF32{b.as<float>(), 1, k} : MatrixF32{b.as<float>(), n, 1};
    for (int rounded = 0; rounded < 2; rounded++) {
      setMatmulPrecision(rounded ? MatmulPrecision::bf16 : MatmulPrecision::float32);
      const Timing time = measure([&] { gemmF32(left, right, c.as<float>(), m, n, k); });
      report("training-gemm", set, rounded ? "bf16" : "f32", detail, "GFLOP/s", 2.0 * static_cast<double>(m * n * k), time, peak);
    }
  }
  setMatmulPrecision(MatmulPrecision::float32);
}

void measurePackedGemm(InstructionSet set, const uint8_t* weights, double peak) {
  constexpr int64_t rows = 512, inputs = 768, outputs = 1536;
  Scratch x(rows * inputs * 4), y(rows * outputs * 4);
  for (int64_t i = 0; i < rows * inputs; i++) x.as<float>()[i] = static_cast<float>(i % 19) - 9;
  for (int f = 0; f < weightFormatCount; f++) {
    const PackedLinear layer = {static_cast<WeightFormat>(f), weights, outputs, inputs, nullptr};
    for (int digits = 0; digits <= 3; digits += 1) {
      if (digits == 2 || (digits > 0 && kernels().tileGemm->multiply == nullptr)) continue;
      setActivationDigits(digits);
      const Timing time = measure([&] { packedLinear(layer, x.as<float>(), rows, y.as<float>()); });
      char text[64];
      snprintf(text, sizeof text, "512 x 768 x 1536, %d digits", digits);
      report("packed-gemm", set, formatNames[f], text, "GFLOP/s", 2.0 * rows * inputs * outputs, time, peak);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const char* sets = nullptr;
  int64_t large = 0;
  int onlyThreads = 0;
  const char* only = nullptr;
  bool training = false;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--sets") == 0 && i + 1 < argc) sets = argv[++i];
    if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc) onlyThreads = atoi(argv[++i]);
    if (strcmp(argv[i], "--large") == 0 && i + 1 < argc) large = atoll(argv[++i]) << 20;
    if (strcmp(argv[i], "--quick") == 0) timeBudget = 0.03;
    if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) only = argv[++i];
    if (strcmp(argv[i], "--training") == 0) training = true;
  }
  const int64_t small = int64_t{1} << 20;
  Scratch weights(large > 8 * small ? large : 8 * small);
  if (!weights.ok()) return 1;
  fillWeights(weights.as<uint8_t>(), large > 8 * small ? large : 8 * small);
  const auto wanted = [&](InstructionSet set) {
    if (sets == nullptr) return set == bestInstructionSet() || set == InstructionSet::avx2;
    const char* name = instructionSetName(set);
    const size_t length = strlen(name);
    for (const char* at = sets; (at = strstr(at, name)) != nullptr; at += length) {
      if ((at == sets || at[-1] == ',') && (at[length] == ',' || at[length] == 0)) return true;
    }
    return false;
  };
  const auto asked = [&](const char* name) { return only == nullptr || strcmp(only, name) == 0; };
  for (int s = instructionSetCount - 1; s >= 0; s--) {
    const InstructionSet set = static_cast<InstructionSet>(s);
    if (!supports(set) || !wanted(set)) continue;
    chooseInstructionSet(set);
    const int cores = availableCores();
    for (int threads = 1; threads <= cores; threads = threads == 1 && cores > 1 ? cores : cores + 1) {
      if (onlyThreads > 0 && threads != onlyThreads) continue;
      setThreads(threads);
      const double peak = measureFma(set);
      if (training) {
        measureTraining(set, peak);
        continue;
      }
      if (asked("gemm")) measureGemm(set, peak);
      if (asked("gemm")) measurePackedGemm(set, weights.as<uint8_t>(), peak);
      const ReadCeiling near(set, weights.as<uint8_t>(), small, "1 MB", false);
      if (asked("gemv")) measureGemv(set, weights.as<uint8_t>(), small, "1 MB", near);
      if (asked("attention")) {
        measureDecoding(set, small, "1 MB", near);
        measurePrefill(set, peak);
        measureWrites(set);
      }
      if (large > 0) {
        char text[32];
        snprintf(text, sizeof text, "%d MB", static_cast<int>(large >> 20));
        const ReadCeiling far(set, weights.as<uint8_t>(), large, text, true);
        if (asked("gemv")) measureGemv(set, weights.as<uint8_t>(), large, text, far);
        if (asked("attention")) {
          measureDecoding(set, large, text, far);
          measureSteps(set, far.gigabytes());
        }
      }
    }
  }
  return 0;
}
