// The little that these tests need of a framework.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "../emulator/emulator.h"

namespace kvfold::test {

/** Counts a check and prints it when it fails. */
void check(bool condition, const char* format, ...) __attribute__((format(printf, 2, 3)));

/** A test that `main` runs; several files register theirs. */
struct Test {
  Test(const char* name, void (*body)());
};

/** Memory that kernels and tests see, aligned to 128 bytes: of the host for the emulator, managed by the driver on a GPU. */
void* allocate(size_t bytes);
void release(void* memory);

/**
 * Memory of exactly `count` elements that kernels see as device memory: the address sanitizer notes any step outside. Starts
 * as bytes of 0xff, which are NaN and -1.
 */
template <class T>
class Array {
 public:
  explicit Array(size_t count) : data_(static_cast<T*>(allocate(count * sizeof(T)))), count_(count) {
    memset(static_cast<void*>(data_), 0xff, count * sizeof(T));
  }
  Array(size_t count, T value) : Array(count) {
    for (size_t i = 0; i < count; i++) data_[i] = value;
  }
  ~Array() { release(data_); }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;
  T* data() const { return data_; }
  size_t count() const { return count_; }
  T& operator[](size_t i) const { return data_[i]; }
  uint64_t address() const { return reinterpret_cast<uint64_t>(data_); }

 private:
  T* data_;
  size_t count_;
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
  unsigned below(unsigned end) { return bits() % end; }
  void fill(const Array<float>& array, float factor = 1) {
    for (size_t i = 0; i < array.count(); i++) array[i] = factor * next();
  }

 private:
  uint64_t state_;
};

/** Runs a kernel by its name and checks that it ended. */
void launch(const char* name, const void* args, size_t argsBytes, const emulator::Launch& launch);
template <class Args>
void launch(const char* name, const Args& args, unsigned grid, unsigned block, size_t shared = 0) {
  launch(name, &args, sizeof args, {{grid, 1, 1}, {block, 1, 1}, shared});
}
template <class Args>
void launch3(const char* name, const Args& args, const emulator::Launch& how) {
  launch(name, &args, sizeof args, how);
}

/** Checks that arrays agree to `tolerance`, relative to the largest expected magnitude (at least 1e-6). */
void checkClose(const char* what, const float* got, const float* expected, size_t count, double tolerance);
void checkClose(const char* what, const Array<float>& got, const std::vector<double>& expected, double tolerance);

}  // namespace kvfold::test

#define KVFOLD_TEST(name)                                          \
  static void name();                                              \
  static const ::kvfold::test::Test testOf_##name(#name, &name);   \
  static void name()
