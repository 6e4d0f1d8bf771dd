// The little that these tests need of a framework.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace kvfold::test {

/** Counts a check and prints it when it fails. */
void check(bool condition, const char* format, ...) __attribute__((format(printf, 2, 3)));

int checkCount();
int failureCount();

/** Memory of exactly `count` elements, so that the address sanitizer sees any step outside. */
template <class T>
class Exactly {
 public:
  explicit Exactly(int64_t count) : data_(static_cast<T*>(malloc(static_cast<size_t>(count) * sizeof(T)))), count_(count) {}
  ~Exactly() { free(data_); }
  Exactly(const Exactly&) = delete;
  Exactly& operator=(const Exactly&) = delete;
  T* data() const { return data_; }
  int64_t count() const { return count_; }
  T& operator[](int64_t i) const { return data_[i]; }

 private:
  T* data_;
  int64_t count_;
};

/** Numbers from -1 to 1, the same for a seed on every machine. */
class Numbers {
 public:
  explicit Numbers(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15 + 1) {}
  uint32_t bits() {
    state_ = state_ * 6364136223846793005 + 1442695040888963407;
    return static_cast<uint32_t>(state_ >> 33);
  }
  float next() { return static_cast<float>(bits()) / 1073741824.0f - 1.0f; }
  void fill(const Exactly<float>& array) {
    for (int64_t i = 0; i < array.count(); i++) array[i] = next();
  }

 private:
  uint64_t state_;
};

void testSystem();
void testGemm();
void testPackedLinear();
void testDecoder();
void testStore();
void testNan();
void testLongLanes();
void testPrefill();
void testThreads();
void testVectorMath();
void testElementwise();
void testRows();
void testMoves();
void testColumnAttention();
void testDmcPool();

}  // namespace kvfold::test
