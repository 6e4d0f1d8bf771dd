// What tests need to show that results do not depend on the number of threads.
#pragma once
#include <cstring>

#include "../system/thread-pool.h"
#include "check.h"

namespace kvfold::test {

/** Runs a case with so many threads; afterwards the pool has as many as before. */
template <class Case>
void runWithThreads(const Case& given, int threads) {
  const int before = threadCount();
  setThreads(threads);
  given.run();
  setThreads(before);
}

template <class T>
bool sameBits(const Exactly<T>& a, const Exactly<T>& b) {
  return a.count() == b.count() && memcmp(a.data(), b.data(), static_cast<size_t>(a.count()) * sizeof(T)) == 0;
}

}  // namespace kvfold::test
