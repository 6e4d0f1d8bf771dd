#include "thread-pool.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>

// glibc 2.34 moved this function and gave it a new version; the old one is still there and older systems have only it.
#if defined(__x86_64__) && defined(__GLIBC__)
__asm__(".symver pthread_create,pthread_create@GLIBC_2.2.5");
#endif

namespace kvfold {
namespace {

/** How long an idle thread watches for the next job before it sleeps: decoding leaves gaps of some ten microseconds. */
constexpr int64_t spinNanoseconds = 50'000;

// `state` is: bit 0 a job is open, bits 1-16 threads inside it, bits 32-63 number of the job.
constexpr uint64_t openBit = 1;
constexpr uint64_t oneInside = 2;
constexpr uint64_t insideMask = 0x1fffe;

struct alignas(64) Pool {
  alignas(64) std::atomic<uint64_t> state{0};
  alignas(64) std::atomic<int64_t> nextItem{0};
  alignas(64) std::atomic<uint32_t> jobsPublished{0};
  std::atomic<int> sleepers{0};
  std::atomic<int> wantedThreads{1};
  std::atomic<int> runningHelpers{0};

  // The open job; written while no thread is inside.
  RangeFunction function = nullptr;
  void* context = nullptr;
  int64_t count = 0;
  int64_t grain = 1;
  int threads = 1;

  /** True while a thread's job runs on the pool. */
  std::atomic<bool> owned{false};
};

Pool pool;

bool own() { return !pool.owned.exchange(true, std::memory_order_acquire); }

void disown() { pool.owned.store(false, std::memory_order_release); }

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

int64_t nanoseconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
}

void workOnPieces() {
  const int64_t count = pool.count;
  const int64_t grain = pool.grain;
  const int64_t threads = pool.threads;
  // A thread claims its share of what is left: the first pieces are large, the last ones as small as the grain, so that all
  // end at about the same time, also when the system takes one away.
  int64_t begin = pool.nextItem.load(std::memory_order_relaxed);
  while (begin < count) {
    const int64_t share = (count - begin) / threads / grain * grain;
    const int64_t end = begin + (share > grain ? share : grain);
    if (!pool.nextItem.compare_exchange_weak(begin, end, std::memory_order_relaxed)) continue;
    pool.function(pool.context, begin, end < count ? end : count);
    begin = pool.nextItem.load(std::memory_order_relaxed);
  }
}

/** Joins the open job unless it is `lastJob`; gives the number of the job it saw. */
uint32_t joinJob(uint32_t lastJob) {
  uint64_t state = pool.state.load(std::memory_order_relaxed);
  while ((state & openBit) && static_cast<uint32_t>(state >> 32) != lastJob) {
    if (!pool.state.compare_exchange_weak(state, state + oneInside, std::memory_order_acquire, std::memory_order_relaxed)) {
      continue;
    }
    workOnPieces();
    pool.state.fetch_sub(oneInside, std::memory_order_release);
    return static_cast<uint32_t>(state >> 32);
  }
  return lastJob;
}

void sleepUntilPublished(uint32_t seen) {
  pool.sleepers.fetch_add(1, std::memory_order_seq_cst);
  if (pool.jobsPublished.load(std::memory_order_seq_cst) == seen) {
    syscall(SYS_futex, &pool.jobsPublished, FUTEX_WAIT_PRIVATE, seen, nullptr, nullptr, 0);
  }
  pool.sleepers.fetch_sub(1, std::memory_order_seq_cst);
}

void* helperMain(void* argument) {
  const int index = static_cast<int>(reinterpret_cast<intptr_t>(argument));
  uint32_t seen = pool.jobsPublished.load(std::memory_order_seq_cst);
  uint32_t lastJob = static_cast<uint32_t>(pool.state.load(std::memory_order_acquire) >> 32);
  if (pool.state.load(std::memory_order_acquire) & openBit) lastJob--;
  while (index < pool.wantedThreads.load(std::memory_order_acquire)) {
    lastJob = joinJob(lastJob);
    const int64_t start = nanoseconds();
    for (int spins = 0; pool.jobsPublished.load(std::memory_order_acquire) == seen; spins++) {
      pause();
      if ((spins & 63) == 63 && nanoseconds() - start > spinNanoseconds) {
        sleepUntilPublished(seen);
        break;
      }
    }
    seen = pool.jobsPublished.load(std::memory_order_seq_cst);
  }
  pool.runningHelpers.fetch_sub(1, std::memory_order_release);
  return nullptr;
}

void publish() {
  pool.jobsPublished.fetch_add(1, std::memory_order_seq_cst);
  if (pool.sleepers.load(std::memory_order_seq_cst) > 0) {
    syscall(SYS_futex, &pool.jobsPublished, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
  }
}

void startHelper(int index) {
  pthread_t thread;
  pthread_attr_t detached;
  pthread_attr_init(&detached);
  pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
  pool.runningHelpers.fetch_add(1, std::memory_order_relaxed);
  if (pthread_create(&thread, &detached, helperMain, reinterpret_cast<void*>(static_cast<intptr_t>(index))) != 0) {
    pool.runningHelpers.fetch_sub(1, std::memory_order_relaxed);  // the others do its share
  }
  pthread_attr_destroy(&detached);
}

}  // namespace

void setThreads(int threads) {
  const int wanted = threads < 1 ? 1 : threads > maximumThreads ? maximumThreads : threads;
  while (!own()) sched_yield();
  if (wanted != pool.wantedThreads.load(std::memory_order_relaxed)) {
    // All helpers end before the new ones start: an index is then never alive twice.
    pool.wantedThreads.store(0, std::memory_order_release);
    publish();
    while (pool.runningHelpers.load(std::memory_order_acquire) > 0) sched_yield();
    pool.wantedThreads.store(wanted, std::memory_order_release);
    for (int i = 1; i < wanted; i++) startHelper(i);
  }
  disown();
}

int threadCount() {
  const int threads = pool.wantedThreads.load(std::memory_order_acquire);
  return threads < 1 ? 1 : threads;
}

void parallelRanges(int64_t count, int64_t grain, RangeFunction function, void* context) {
  if (count <= 0) return;
  if (grain < 1) grain = 1;
  const int threads = threadCount();
  if (threads == 1 || count <= grain || !own()) {
    function(context, 0, count);
    return;
  }
  pool.function = function;
  pool.context = context;
  pool.count = count;
  pool.grain = grain;
  pool.threads = threads;
  pool.nextItem.store(0, std::memory_order_relaxed);
  const uint64_t job = ((pool.state.load(std::memory_order_relaxed) >> 32) + 1) << 32;
  pool.state.store(job | openBit, std::memory_order_release);
  publish();
  workOnPieces();
  // All pieces are claimed; what is left is at most one piece in each thread that is still inside.
  uint64_t state = pool.state.fetch_and(~openBit, std::memory_order_acquire);
  for (int spins = 1; (state & insideMask) != 0; spins++) {
    pause();
    if ((spins & 1023) == 0) sched_yield();
    state = pool.state.load(std::memory_order_acquire);
  }
  disown();
}

}  // namespace kvfold
