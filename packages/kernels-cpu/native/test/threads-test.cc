#include <pthread.h>
#include <time.h>

#include <atomic>

#include "../matrix/gemm-f32.h"
#include "../system/thread-pool.h"
#include "check.h"

namespace kvfold::test {
namespace {

/** Every item is visited once, whatever the sizes. */
void testCoverage() {
  const int64_t counts[] = {0, 1, 7, 64, 1000};
  for (const int64_t count : counts) {
    for (int64_t grain = 1; grain <= 100; grain *= 10) {
      const Exactly<int> visits(count + 1);
      for (int64_t i = 0; i <= count; i++) visits[i] = 0;
      parallelFor(count, grain, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++) visits[i]++;
      });
      bool once = visits[count] == 0;
      for (int64_t i = 0; i < count; i++) once = once && visits[i] == 1;
      check(once, "%d items by %d are visited once", static_cast<int>(count), static_cast<int>(grain));
    }
  }
}

struct Caller {
  bool equal = true;
};

/** As a worker thread of Node would: products of its own while others compute. */
void* callerMain(void* argument) {
  Caller& caller = *static_cast<Caller*>(argument);
  const int64_t n = 40;
  const Exactly<float> a(n * n), b(n * n), first(n * n), again(n * n);
  Numbers numbers(3);
  numbers.fill(a);
  numbers.fill(b);
  gemmF32({a.data(), n, 1}, {b.data(), n, 1}, first.data(), n, n, n);
  for (int i = 0; i < 200; i++) {
    gemmF32({a.data(), n, 1}, {b.data(), n, 1}, again.data(), n, n, n);
    caller.equal = caller.equal && memcmp(first.data(), again.data(), static_cast<size_t>(n * n) * 4) == 0;
  }
  return nullptr;
}

void testCallers() {
  constexpr int count = 4;
  pthread_t threads[count];
  Caller callers[count];
  for (int i = 0; i < count; i++) pthread_create(&threads[i], nullptr, callerMain, &callers[i]);
  // The size of the pool may change while it is in use.
  for (int i = 0; i < 20; i++) setThreads(1 + i % 4);
  for (int i = 0; i < count; i++) {
    pthread_join(threads[i], nullptr);
    check(callers[i].equal, "results are the same while others compute");
  }
}

/** Jobs far apart find the helpers asleep. */
void testSleep() {
  setThreads(3);
  for (int i = 0; i < 20; i++) {
    timespec pause = {0, 300'000};
    nanosleep(&pause, nullptr);
    std::atomic<int64_t> sum{0};
    parallelFor(100, 1, [&](int64_t begin, int64_t end) {
      for (int64_t item = begin; item < end; item++) sum += item;
    });
    check(sum == 4950, "a job after a pause is done");
  }
}

}  // namespace

void testThreads() {
  for (int threads = 1; threads <= 4; threads++) {
    setThreads(threads);
    testCoverage();
  }
  testCallers();
  testSleep();
}

}  // namespace kvfold::test
