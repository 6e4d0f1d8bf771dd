// How fast the machine reads a stretch of memory: what kernels that wait for memory are measured against.
#pragma once
#include "../system/runtime.h"
#include "measure.h"

namespace kvfold::bench {

/** A kernel's time and what the machine read meanwhile, in GB/s. */
struct Beside {
  Timing time;
  double ceiling;
};

class ReadCeiling {
 public:
  /**
   * Finds the best of the ways in which kernels read, and reports it.
   *
   * @param byTurns whether `beside` measures it anew: beyond the caches memory is as fast as others on the machine let it be.
   * Within them the stretch would push out what the kernel works on.
   */
  ReadCeiling(InstructionSet set, const uint8_t* data, int64_t bytes, const char* detail, bool byTurns)
      : data_(data), bytes_(bytes), byTurns_(byTurns), best_{1e9, 1e9} {
    for (const auto read : kernels().ceilings->read) {
      const Timing time = measure([&] { run(read); });
      if (time.median >= best_.median) continue;
      best_ = time;
      read_ = read;
    }
    report("ceiling-read", set, "", detail, "GB/s", static_cast<double>(bytes), best_, 0);
  }

  /** GB/s, as they were measured first. */
  double gigabytes() const { return static_cast<double>(bytes_) * 1e-9 / best_.median; }

  /** Measures `work`, and the ceiling before each of its repeats. */
  template <class Work>
  Beside beside(Work&& work) const {
    static double times[mostRepeats];
    int count = 0;
    const Timing time = measure(work, [&] {
      if (!byTurns_) return;
      const double before = seconds();
      run(read_);
      times[count++] = seconds() - before;
    });
    qsort(times, static_cast<size_t>(count), sizeof(double), compareDoubles);
    return {time, byTurns_ ? static_cast<double>(bytes_) * 1e-9 / times[count / 2] : gigabytes()};
  }

 private:
  using Read = float (*)(const uint8_t* data, int64_t bytes);

  void run(Read read) const {
    parallelFor(bytes_ / 65536, 4, [&](int64_t begin, int64_t end) {
      sink = read(data_ + begin * 65536, (end - begin) * 65536);
    });
  }

  const uint8_t* data_;
  int64_t bytes_;
  bool byTurns_;
  Timing best_;
  Read read_ = nullptr;
};

}  // namespace kvfold::bench
