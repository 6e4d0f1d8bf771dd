// Tests of the kernels without JavaScript. Arguments choose tests by a part of their name; benchmarks only run when named.
#include <chrono>
#include <cstdarg>
#include <cstdio>

#include "check.h"

namespace kvfold::test {
namespace {

struct Named {
  const char* name;
  void (*body)();
};

std::vector<Named>& tests() {
  static std::vector<Named> all;
  return all;
}

int checks = 0;
int failures = 0;

}  // namespace

Test::Test(const char* name, void (*body)()) { tests().push_back({name, body}); }

void check(bool condition, const char* format, ...) {
  checks++;
  if (condition) return;
  failures++;
  if (failures > 40) return;
  va_list arguments;
  va_start(arguments, format);
  printf("FAILED: ");
  vprintf(format, arguments);
  printf("\n");
  va_end(arguments);
}

void launch(const char* name, const void* args, size_t argsBytes, const emulator::Launch& how) {
  const emulator::Kernel* kernel = emulator::lookup(name);
  check(kernel != nullptr, "%s: there is no such kernel", name);
  if (kernel == nullptr) return;
  check(kernel->argsBytes == argsBytes, "%s takes %zu bytes, not %zu", name, kernel->argsBytes, argsBytes);
  const char* problem = emulator::run(kernel->entry, args, how);
  check(problem == nullptr, "%s: %s", name, problem);
}

void checkClose(const char* what, const float* got, const float* expected, size_t count, double tolerance) {
  double scale = 1e-6, worst = 0;
  size_t where = 0;
  for (size_t i = 0; i < count; i++) scale = fmax(scale, fabs(expected[i]));
  for (size_t i = 0; i < count; i++) {
    const double off = fabs(static_cast<double>(got[i]) - expected[i]);
    if (off <= worst) continue;
    worst = off == off ? off : INFINITY;
    where = i;
  }
  for (size_t i = 0; i < count; i++) {
    if (got[i] == got[i] || expected[i] != expected[i]) continue;
    worst = INFINITY;
    where = i;
  }
  check(worst <= tolerance * scale, "%s: element %zu of %zu is %g, expected %g (tolerance %g of %g)", what, where, count,
        static_cast<double>(got[where]), static_cast<double>(expected[where]), tolerance, scale);
}

void checkClose(const char* what, const Array<float>& got, const std::vector<double>& expected, double tolerance) {
  check(got.count() == expected.size(), "%s: %zu numbers, expected %zu", what, got.count(), expected.size());
  std::vector<float> rounded(expected.begin(), expected.end());
  checkClose(what, got.data(), rounded.data(), rounded.size(), tolerance);
}

}  // namespace kvfold::test

int main(int count, char** names) {
  using namespace kvfold::test;
  for (const Named& test : tests()) {
    bool chosen = count < 2 && strncmp(test.name, "bench", 5) != 0;
    for (int i = 1; i < count; i++) chosen = chosen || strstr(test.name, names[i]) != nullptr;
    if (!chosen) continue;
    const auto start = std::chrono::steady_clock::now();
    test.body();
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    printf("%-32s %8.1f ms\n", test.name, took.count());
  }
  printf("%d checks, %d failed\n", checks, failures);
  return failures == 0 ? 0 : 1;
}
