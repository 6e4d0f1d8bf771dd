// A sequence of calls that runs again without JavaScript: a decoding step is the same calls on the same memory every time.
#pragma once
#include <cstdint>

#include "growable.h"

namespace kvfold {

class Recording {
 public:
  /** One call; `state` is its own copy of everything that it needs. */
  struct Call {
    bool (*run)(const void* state);
    void* state;
    int64_t bytes;
  };

  ~Recording();
  Recording() = default;
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  /** @returns false when there is no memory */
  bool add(bool (*run)(const void*), const void* state, int64_t bytes);
  /**
   * Runs the calls in order, from `first` on, until `milliseconds` have passed: one call at least.
   * @returns the number of the next call, `size()` when all are done; -1 when one failed
   */
  int64_t replay(int64_t first, double milliseconds) const;
  int64_t size() const { return calls_.size(); }

 private:
  Growable<Call> calls_;
};

/** Calls of the addon that a thread has made while it recorded, and how many of them the recording holds. */
struct RecordedCalls {
  int64_t made = 0;
  int64_t held = 0;
};

/** The recording that this thread is making; null when it makes none. */
Recording* activeRecording();
/** Calls of the recording that this thread is making. */
RecordedCalls& recordedCalls();
/** Begins or ends a recording, or goes on with one that has these calls. */
void setActiveRecording(Recording* recording, RecordedCalls calls = {});

/**
 * Runs `work`, a callable without arguments that gives false when it fails, and adds it to the recording if there is one.
 * It is copied byte by byte: pointers and numbers only, and pointers to what stays where it is.
 */
template <class Work>
bool perform(const Work& work) {
  static_assert(__is_trivially_copyable(Work), "a recorded call is copied byte by byte");
  Recording* recording = activeRecording();
  if (recording != nullptr) {
    const auto run = [](const void* state) { return (*static_cast<const Work*>(state))(); };
    if (!recording->add(run, &work, sizeof work)) return false;
    recordedCalls().held++;
  }
  return work();
}

}  // namespace kvfold
