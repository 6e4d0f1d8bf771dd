// Reads the arguments of a JavaScript call. The first argument that does not fit throws a TypeError and makes ok() false;
// after that every reader gives empty values, so that an entry point checks once.
#pragma once
#include <node_api.h>

#include <cstdint>

#include "engine/engine.h"

namespace kvfold {

/** Memory of a typed array. Valid until the call returns. */
struct Bytes {
  char* data = nullptr;
  int64_t length = 0;
};

class Args {
 public:
  Args(napi_env env, napi_callback_info info);

  /** The engine under an external value; an error when it was disposed of. Its context is the thread's afterwards. */
  Engine* engine(int index);
  /** The engine, disposed of or not; its context is left alone. */
  Engine* anyEngine(int index);
  /** The memory of any typed array, in bytes. */
  Bytes bytes(int index);
  double number(int index);
  /** A whole number from 0 to `most`. */
  int64_t size(int index, int64_t most = int64_t{1} << 53);
  cuda::Address address(int index) { return static_cast<cuda::Address>(size(index)); }
  /** Copies a string of at most `capacity - 1` bytes; false when it is longer or no string (then it throws). */
  bool text(int index, char* into, size_t capacity);

  /** Throws a RangeError unless the condition holds. */
  void require(bool condition, const char* message);
  /** Throws an error with the properties `call` and `result` when a driver call failed. */
  void check(const Failure& failure);
  bool ok() const { return ok_; }
  napi_env env() const { return env_; }

 private:
  static constexpr int maximum = 16;
  void fail(int index, const char* wanted);

  napi_env env_;
  napi_value values_[maximum];
  size_t count_ = maximum;
  bool ok_ = true;
};

/** A new Error with the properties `call` (the driver's symbol) and `result`. */
napi_value driverError(napi_env env, const Failure& failure);

/** The external value of an engine; its finalizer gives the engine back. */
napi_value wrapEngine(napi_env env, Engine* engine);

/** Frees the engine when nothing refers to it any more. */
void forgetIfUnused(Engine* engine);

/** Small helpers that make results. */
napi_value toNumber(napi_env env, double value);
napi_value toText(napi_env env, const char* text);
void setNumber(napi_env env, napi_value object, const char* name, double value);
void setText(napi_env env, napi_value object, const char* name, const char* text);

}  // namespace kvfold
