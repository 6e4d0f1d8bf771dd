// 64-byte aligned memory in size classes, kept for reuse: tensors and packing buffers of the same sizes come and go at
// every step, and asking the system each time costs page faults.
#pragma once
#include <cstdint>

namespace kvfold {

struct MemoryFigures {
  /** Bytes handed out, by size class. */
  int64_t usedBytes;
  /** Bytes kept for reuse. */
  int64_t idleBytes;
  /** Times that the system was asked for memory since the start. */
  int64_t allocations;
};

/** Bytes that a request of `bytes` takes: a size class, at most a quarter more than asked above 1 KiB. */
int64_t poolClassBytes(int64_t bytes);

/** Memory of at least `bytes`, not cleared; null when the system has none. Any thread. */
void* poolTake(int64_t bytes);

/** Gives back memory of a `poolTake(bytes)`. Any thread. */
void poolGive(void* memory, int64_t bytes);

/** Returns the idle memory to the system. */
void poolTrim();

MemoryFigures poolFigures();

/** Memory for the duration of a scope. */
class Scratch {
 public:
  explicit Scratch(int64_t bytes) : bytes_(bytes), data_(poolTake(bytes)) {}
  ~Scratch() {
    if (data_ != nullptr) poolGive(data_, bytes_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  template <class T>
  T* as() const {
    return static_cast<T*>(data_);
  }
  /** False when the system has no memory left. */
  bool ok() const { return data_ != nullptr; }

 private:
  int64_t bytes_;
  void* data_;
};

}  // namespace kvfold
