// Reads the arguments of a JavaScript call. The first argument that does not fit throws a TypeError and makes ok() false;
// after that every reader gives empty values, so that an entry point checks once:
//
//   napi_value Scale(napi_env env, napi_callback_info info) {
//     Args args(env, info);
//     Span<float> x = args.floats(0);
//     const double factor = args.number(1);
//     if (!args.ok()) return nullptr;
//     ...
//   }
#pragma once
#include <node_api.h>

#include <cstdint>

namespace kvfold {

/** A typed array's memory. Valid until the call returns. */
template <class T>
struct Span {
  T* data = nullptr;
  int64_t length = 0;
};

/** True when `rows` rows of `columns` fit an array. Sizes are below 2^53, but their products may not be. */
inline bool rowsFit(int64_t length, int64_t rows, int64_t columns) {
  return rows == 0 || columns == 0 || (rows <= length && columns <= length / rows);
}

class Args {
 public:
  Args(napi_env env, napi_callback_info info);

  /** A Float32Array. */
  Span<float> floats(int index);
  /** An Int32Array. */
  Span<int32_t> ints(int index);
  /** A Uint8Array. */
  Span<uint8_t> bytes(int index);
  /** The memory of a Float32Array, Int32Array or Uint8Array, in bytes, and the bytes of one element. */
  Span<uint8_t> elements(int index, int64_t& elementBytes);
  /** A Float32Array, or no memory when the argument is absent, null or undefined. */
  Span<float> optionalFloats(int index);
  /** Any number. */
  double number(int index);
  /** A whole number from 0 to 2^53. */
  int64_t size(int index);
  bool flag(int index);
  /** The argument itself; null when it is absent. */
  napi_value value(int index) const { return static_cast<size_t>(index) < count_ ? values_[index] : nullptr; }
  /** Copies a string of at most `capacity - 1` bytes; false when it is longer or no string (then it throws). */
  bool text(int index, char* into, size_t capacity);
  /** False for an absent argument, null or undefined. */
  bool has(int index);

  /** Throws a RangeError unless the condition holds; what keeps a call inside its arrays. */
  void require(bool condition, const char* message);
  /** Says that a recorded step does not miss this call. */
  void harmless();
  bool ok() const { return ok_; }
  napi_env env() const { return env_; }

 private:
  static constexpr int maximum = 32;
  void fail(int index, const char* wanted);
  void* typedArray(int index, napi_typedarray_type type, const char* wanted, int64_t& length);

  napi_env env_;
  napi_value values_[maximum];
  size_t count_ = maximum;
  bool ok_ = true;
};

}  // namespace kvfold
