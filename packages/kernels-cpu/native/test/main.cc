// Tests of the native code without JavaScript, for the sanitizers: exact allocations, every instruction set, threads.
#include <cstdarg>
#include <cstdio>

#include "../system/runtime.h"
#include "../system/thread-pool.h"
#include "check.h"

namespace kvfold::test {
namespace {

int checks = 0;
int failures = 0;

}  // namespace

void check(bool condition, const char* format, ...) {
  checks++;
  if (condition) return;
  failures++;
  va_list arguments;
  va_start(arguments, format);
  printf("FAILED: ");
  vprintf(format, arguments);
  printf("\n");
  va_end(arguments);
}

int checkCount() { return checks; }
int failureCount() { return failures; }

}  // namespace kvfold::test

int main() {
  using namespace kvfold;
  test::testSystem();
  for (int i = 0; i < instructionSetCount; i++) {
    const InstructionSet set = static_cast<InstructionSet>(i);
    if (!chooseInstructionSet(set)) continue;
    printf("%s\n", instructionSetName(set));
    test::testVectorMath();
    for (int threads = 1; threads <= 3; threads += 2) {
      setThreads(threads);
      test::testElementwise();
      test::testRows();
      test::testMoves();
      test::testGemm();
      test::testPackedLinear();
      test::testDecoder();
      test::testStore();
      test::testNan();
      test::testLongLanes();
      test::testPrefill();
      test::testColumnAttention();
      test::testDmcPool();
    }
  }
  test::testThreads();
  setThreads(1);
  printf("%d checks, %d failed\n", test::checkCount(), test::failureCount());
  return test::failureCount() == 0 ? 0 : 1;
}
