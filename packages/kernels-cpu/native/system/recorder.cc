#include "recorder.h"

#include <time.h>

#include <cstring>

#include "memory-pool.h"

namespace kvfold {
namespace {

thread_local Recording* active = nullptr;
thread_local RecordedCalls calls;

double now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) * 1e-6;
}

}  // namespace

Recording::~Recording() {
  for (int64_t i = 0; i < calls_.size(); i++) poolGive(calls_[i].state, calls_[i].bytes);
}

bool Recording::add(bool (*run)(const void*), const void* state, int64_t bytes) {
  void* copy = poolTake(bytes);
  if (copy == nullptr) return false;
  memcpy(copy, state, static_cast<size_t>(bytes));
  if (calls_.push({run, copy, bytes})) return true;
  poolGive(copy, bytes);
  return false;
}

int64_t Recording::replay(int64_t first, double milliseconds) const {
  const double until = now() + milliseconds;
  int64_t next = first;
  while (next < calls_.size()) {
    if (!calls_[next].run(calls_[next].state)) return -1;
    next++;
    if (now() >= until) break;
  }
  return next;
}

Recording* activeRecording() { return active; }

void setActiveRecording(Recording* recording, RecordedCalls made) {
  active = recording;
  calls = made;
}

RecordedCalls& recordedCalls() { return calls; }

}  // namespace kvfold
