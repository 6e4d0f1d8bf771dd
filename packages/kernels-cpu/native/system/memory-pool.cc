#include "memory-pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

namespace kvfold {
namespace {

constexpr int64_t smallest = 64;
constexpr int64_t largest = int64_t{1} << 46;
/** Four classes for each doubling. */
constexpr int stepsPerDoubling = 4;
constexpr int classCount = stepsPerDoubling * 48;
/** From here on memory starts on a huge page, and the system is asked to use huge pages for it. */
constexpr int64_t hugePage = int64_t{1} << 21;

/** An idle piece holds the link to the next idle piece of its class. */
struct Idle {
  Idle* next;
};

struct State {
  pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  Idle* idle[classCount] = {};
  MemoryFigures figures = {0, 0, 0};
};

State state;

int log2Floor(uint64_t value) { return 63 - __builtin_clzll(value); }

/** Class 0 holds 64 bytes; class 4 d + s holds 64 * 2^d * (1 + s / 4). */
int classOf(int64_t bytes) {
  if (bytes <= smallest) return 0;
  const int doubling = log2Floor(static_cast<uint64_t>(bytes - 1)) - 6;
  const int64_t base = smallest << doubling;
  const int64_t step = base / stepsPerDoubling;
  const int steps = static_cast<int>((bytes - base + step - 1) / step);
  return doubling * stepsPerDoubling + steps;
}

int64_t bytesOf(int index) {
  const int64_t base = smallest << (index / stepsPerDoubling);
  const int64_t bytes = base + base / stepsPerDoubling * (index % stepsPerDoubling);
  return (bytes + smallest - 1) / smallest * smallest;
}

void* fromSystem(int64_t bytes) {
  const bool huge = bytes >= hugePage;
  void* memory = nullptr;
  if (posix_memalign(&memory, huge ? hugePage : smallest, static_cast<size_t>(bytes)) != 0) return nullptr;
  if (huge) madvise(memory, static_cast<size_t>(bytes), MADV_HUGEPAGE);
  return memory;
}

}  // namespace

int64_t poolClassBytes(int64_t bytes) { return bytesOf(classOf(bytes)); }

void* poolTake(int64_t bytes) {
  if (bytes > largest) return nullptr;
  const int index = classOf(bytes);
  const int64_t size = bytesOf(index);
  pthread_mutex_lock(&state.lock);
  Idle* found = state.idle[index];
  if (found != nullptr) {
    state.idle[index] = found->next;
    state.figures.idleBytes -= size;
    state.figures.usedBytes += size;
  }
  pthread_mutex_unlock(&state.lock);
  if (found != nullptr) return found;
  void* memory = fromSystem(size);
  if (memory == nullptr) return nullptr;
  pthread_mutex_lock(&state.lock);
  state.figures.usedBytes += size;
  state.figures.allocations++;
  pthread_mutex_unlock(&state.lock);
  return memory;
}

void poolGive(void* memory, int64_t bytes) {
  const int index = classOf(bytes);
  const int64_t size = bytesOf(index);
  Idle* piece = static_cast<Idle*>(memory);
  pthread_mutex_lock(&state.lock);
  piece->next = state.idle[index];
  state.idle[index] = piece;
  state.figures.usedBytes -= size;
  state.figures.idleBytes += size;
  pthread_mutex_unlock(&state.lock);
}

void poolTrim() {
  pthread_mutex_lock(&state.lock);
  for (Idle*& head : state.idle) {
    while (head != nullptr) {
      Idle* next = head->next;
      free(head);
      head = next;
    }
  }
  state.figures.idleBytes = 0;
  pthread_mutex_unlock(&state.lock);
}

MemoryFigures poolFigures() {
  pthread_mutex_lock(&state.lock);
  const MemoryFigures figures = state.figures;
  pthread_mutex_unlock(&state.lock);
  return figures;
}

}  // namespace kvfold
