// Numbers below 1.2e-38 count as 0 while one of these lives, on its thread. Intel's processors take some 150 cycles for each
// operation on such a number; soft decisions make many of them, and a step of a retrofit took 1.7 times as long.
#pragma once

#if defined(__x86_64__)
#include <xmmintrin.h>
#elif defined(__aarch64__)
#include <cstdint>
#endif

namespace kvfold {

class FlushSubnormals {
 public:
#if defined(__x86_64__)
  FlushSubnormals() : before_(_mm_getcsr()) { _mm_setcsr(before_ | flushResults | flushOperands); }
  ~FlushSubnormals() { _mm_setcsr(before_); }
#elif defined(__aarch64__)
  FlushSubnormals() {
    __asm__ volatile("mrs %0, fpcr" : "=r"(before_));
    __asm__ volatile("msr fpcr, %0" : : "r"(before_ | flushBoth));
  }
  ~FlushSubnormals() { __asm__ volatile("msr fpcr, %0" : : "r"(before_)); }
#endif
  FlushSubnormals(const FlushSubnormals&) = delete;
  FlushSubnormals& operator=(const FlushSubnormals&) = delete;

 private:
#if defined(__x86_64__)
  static constexpr unsigned flushResults = 0x8000, flushOperands = 0x40;
  unsigned before_;
#elif defined(__aarch64__)
  static constexpr uint64_t flushBoth = uint64_t{1} << 24;
  uint64_t before_;
#endif
};

}  // namespace kvfold
