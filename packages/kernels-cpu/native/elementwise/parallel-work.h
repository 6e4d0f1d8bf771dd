// Shares work between threads only where that wins.
#pragma once
#include "../system/thread-pool.h"

namespace kvfold {

/**
 * Work that one thread does in less than these nanoseconds stays on it. A thread that is awake begins within a microsecond;
 * to wake one takes 15 to 50.
 */
constexpr double worthSharing = 20'000;

/** Least work of a piece, so that claiming it costs nothing beside it. */
constexpr double leastPiece = 2'500;

/**
 * `parallelFor` over items that take one thread about `nanoseconds` each. Pieces begin at multiples of `multiple`. As for
 * every parallelFor, what an item computes must not depend on the piece that it is in.
 */
template <class Work>
void parallelWork(int64_t items, double nanoseconds, Work&& work, int64_t multiple = 1) {
  if (items <= 0) return;
  if (static_cast<double>(items) * nanoseconds <= worthSharing) {
    work(int64_t{0}, items);
    return;
  }
  const int64_t least = static_cast<int64_t>(leastPiece / nanoseconds) + 1;
  parallelFor(items, (least + multiple - 1) / multiple * multiple, [&](int64_t begin, int64_t end) { work(begin, end); });
}

}  // namespace kvfold
