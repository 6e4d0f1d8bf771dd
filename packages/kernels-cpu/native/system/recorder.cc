#include "recorder.h"

#include <cstring>

#include "memory-pool.h"

namespace kvfold {
namespace {

thread_local Recording* active = nullptr;
thread_local RecordedCalls calls;

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

bool Recording::replay() const {
  for (int64_t i = 0; i < calls_.size(); i++) {
    if (!calls_[i].run(calls_[i].state)) return false;
  }
  return true;
}

Recording* activeRecording() { return active; }

void setActiveRecording(Recording* recording) {
  active = recording;
  calls = {};
}

RecordedCalls& recordedCalls() { return calls; }

}  // namespace kvfold
