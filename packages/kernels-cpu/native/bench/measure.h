// What the benchmarks share: repeating, timing, printing.
#pragma once
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "../system/cpu-features.h"
#include "../system/thread-pool.h"

namespace kvfold::bench {

/** With one thread the time that it really ran, which other work on the machine disturbs less; else time on the wall. */
inline double seconds() {
  timespec now;
  clock_gettime(threadCount() == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

inline int compareDoubles(const void* a, const void* b) {
  const double x = *static_cast<const double*>(a), y = *static_cast<const double*>(b);
  return x < y ? -1 : x > y;
}

struct Timing {
  double best, median;
};

/** Seconds that a figure may take; a steady one takes less. */
inline double timeBudget = 0.15;

/** Most times that a figure is measured. */
constexpr int mostRepeats = 1024;

/**
 * Repeats until the middle half of the times lies within 1 %, or `timeBudget` is spent; at least 3 times. `between` runs
 * before each repeat and does not count.
 */
template <class Work, class Between>
Timing measure(Work&& work, Between&& between) {
  constexpr int atOnce = 8;
  static double times[mostRepeats];
  int count = 0;
  work();
  const double start = seconds();
  while (count < mostRepeats && (count < 3 || seconds() - start < timeBudget)) {
    between();
    const double before = seconds();
    work();
    times[count++] = seconds() - before;
    if (count % atOnce != 0) continue;
    qsort(times, static_cast<size_t>(count), sizeof(double), compareDoubles);
    if (times[count * 3 / 4] - times[count / 4] < 0.01 * times[count / 2]) break;
  }
  qsort(times, static_cast<size_t>(count), sizeof(double), compareDoubles);
  return {times[0], times[count / 2]};
}

template <class Work>
Timing measure(Work&& work) {
  return measure(work, [] {});
}

inline volatile float sink;

inline void report(const char* kernel, InstructionSet set, const char* format, const char* detail, const char* unit,
            double amount, Timing time, double ceiling) {
  const double median = amount / time.median * 1e-9;
  printf("{\"kernel\":\"%s\",\"instructionSet\":\"%s\",\"threads\":%d,\"format\":\"%s\",\"detail\":\"%s\",\"unit\":\"%s\","
         "\"median\":%.2f,\"best\":%.2f",
         kernel, instructionSetName(set), threadCount(), format, detail, unit, median, amount / time.best * 1e-9);
  if (ceiling > 0) printf(",\"ceiling\":%.2f,\"shareOfCeiling\":%.3f", ceiling, median / ceiling);
  printf("}\n");
  fflush(stdout);
}

}  // namespace kvfold::bench
