// One pool of threads for the whole process, shared by all of Node's worker threads.
#pragma once
#include <cstdint>

namespace kvfold {

/** Most threads the pool takes, the calling one included. */
constexpr int maximumThreads = 256;

/** Work on the items `[begin, end)`. What an item computes must not depend on how the items are grouped. */
using RangeFunction = void (*)(void* context, int64_t begin, int64_t end);

/** Sets the number of threads, the calling one included; ends or starts threads. Waits for a running job. */
void setThreads(int threads);

/** Threads a job may use, the calling one included. */
int threadCount();

/**
 * Runs `function` over the items `[0, count)`, at most `grain`-aligned pieces at a time, on the pool and on the calling
 * thread; returns when all are done. Pieces are claimed as threads become free, which a busy machine needs. When another
 * thread's job holds the pool the whole range runs on the calling thread, so that there are never more threads than cores.
 */
void parallelRanges(int64_t count, int64_t grain, RangeFunction function, void* context);

/** `parallelRanges` for a callable `(int64_t begin, int64_t end)`. */
template <class Work>
void parallelFor(int64_t count, int64_t grain, Work&& work) {
  parallelRanges(
      count, grain, [](void* context, int64_t begin, int64_t end) { (*static_cast<Work*>(context))(begin, end); }, &work);
}

}  // namespace kvfold
