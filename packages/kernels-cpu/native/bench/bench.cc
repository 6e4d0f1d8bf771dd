// Measures the kernels against this machine's ceilings; prints one JSON object a line.
//   bench [--sets NAME,...] [--large MEGABYTES] [--quick] [--attention: the paged store only]
#include <cstring>

#include "../matrix/gemm-f32.h"
#include "../matrix/packed-linear.h"
#include "../system/memory-pool.h"
#include "../system/runtime.h"
#include "../system/thread-pool.h"
#include "attention-bench.h"
#include "measure.h"

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

double measureRead(InstructionSet set, const uint8_t* data, int64_t bytes, const char* detail) {
  const CeilingKernels& ceiling = *kernels().ceilings;
  const Timing time = measure([&] {
    parallelFor(bytes / 65536, 4, [&](int64_t begin, int64_t end) {
      sink = ceiling.read(data + begin * 65536, (end - begin) * 65536);
    });
  });
  report("ceiling-read", set, "", detail, "GB/s", static_cast<double>(bytes), time, 0);
  return static_cast<double>(bytes) / time.median * 1e-9;
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

void measureGemv(InstructionSet set, const uint8_t* weights, int64_t bytes, const char* detail, double ceiling) {
  constexpr int64_t inputs = 1536;
  for (int f = 0; f < weightFormatCount; f++) {
    const WeightFormat format = static_cast<WeightFormat>(f);
    const int64_t rowBytes = rowBytesOf(format, inputs);
    const int64_t outputs = bytes / rowBytes;
    Scratch x(inputs * 4 * 8), y(outputs * 4 * 8);
    for (int64_t i = 0; i < inputs * 8; i++) x.as<float>()[i] = static_cast<float>(i % 17) - 8;
    const PackedLinear layer = {format, weights, outputs, inputs, nullptr};
    for (int digits = 0; digits <= 3; digits++) {
      if (digits > 0 && kernels().codedGemv->gemv[f][digits - 1] == nullptr) continue;
      setActivationDigits(digits);
      for (int rows = 1; rows <= (digits == 0 || digits == 3 ? 4 : 1); rows += 3) {
        const Timing time = measure([&] { packedLinear(layer, x.as<float>(), rows, y.as<float>()); });
        char text[96];
        snprintf(text, sizeof text, "%s, %d digits, %d rows", detail, digits, rows);
        report("gemv", set, formatNames[f], text, "GB/s", static_cast<double>(outputs * rowBytes), time, ceiling);
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
  bool matrices = true;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--sets") == 0 && i + 1 < argc) sets = argv[++i];
    if (strcmp(argv[i], "--large") == 0 && i + 1 < argc) large = atoll(argv[++i]) << 20;
    if (strcmp(argv[i], "--quick") == 0) timeBudget = 0.05;
    if (strcmp(argv[i], "--attention") == 0) matrices = false;
  }
  const int64_t small = int64_t{1} << 20;
  Scratch weights(large > 8 * small ? large : 8 * small);
  if (!weights.ok()) return 1;
  fillWeights(weights.as<uint8_t>(), large > 8 * small ? large : 8 * small);
  const auto wanted = [&](const char* name) {
    const size_t length = strlen(name);
    for (const char* at = sets; at != nullptr && (at = strstr(at, name)) != nullptr; at += length) {
      if ((at == sets || at[-1] == ',') && (at[length] == ',' || at[length] == 0)) return true;
    }
    return sets == nullptr;
  };
  for (int s = instructionSetCount - 1; s >= 0; s--) {
    const InstructionSet set = static_cast<InstructionSet>(s);
    if (!supports(set) || !wanted(instructionSetName(set))) continue;
    chooseInstructionSet(set);
    const int cores = availableCores();
    for (int threads = 1; threads <= cores; threads = threads == 1 && cores > 1 ? cores : cores + 1) {
      setThreads(threads);
      const double peak = measureFma(set);
      if (matrices) measureGemm(set, peak);
      if (matrices) measurePackedGemm(set, weights.as<uint8_t>(), peak);
      const double near = measureRead(set, weights.as<uint8_t>(), small, "1 MB");
      if (matrices) measureGemv(set, weights.as<uint8_t>(), small, "1 MB", near);
      measureDecoding(set, small, "1 MB", near);
      measurePrefill(set, peak);
      measureWrites(set);
      if (large > 0) {
        char text[32];
        snprintf(text, sizeof text, "%d MB", static_cast<int>(large >> 20));
        const double far = measureRead(set, weights.as<uint8_t>(), large, text);
        if (matrices) measureGemv(set, weights.as<uint8_t>(), large, text, far);
        measureDecoding(set, large, text, far);
        measureSteps(set, far);
      }
    }
  }
  return 0;
}
