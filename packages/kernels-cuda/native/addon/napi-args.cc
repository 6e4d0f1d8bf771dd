#include "napi-args.h"

#include <cstdio>
#include <cstring>
#include <new>

namespace kvfold {

namespace {

constexpr napi_type_tag engineTag = {0x6b76666f6c64u, 0x656e67696e65u};

/** The driver's symbol of a call, for messages. */
const char* symbolOf(const char* call) {
#define KVFOLD_DRIVER_SYMBOL(name, symbol, parameters) \
  if (strcmp(call, #name) == 0) return #symbol;
  KVFOLD_DRIVER_CALLS(KVFOLD_DRIVER_SYMBOL)
#undef KVFOLD_DRIVER_SYMBOL
  return call;
}

void finalizeEngine(napi_env, void* data, void*) {
  Engine* engine = static_cast<Engine*>(data);
  disposeEngine(*engine);
  engine->forgotten = true;
  forgetIfUnused(engine);
}

}  // namespace

void forgetIfUnused(Engine* engine) {
  if (!engine->forgotten || engine->downloads > 0) return;
  engine->~Engine();
  free(engine);
}

napi_value wrapEngine(napi_env env, Engine* engine) {
  napi_value external = nullptr;
  if (napi_create_external(env, engine, finalizeEngine, nullptr, &external) != napi_ok ||
      napi_type_tag_object(env, external, &engineTag) != napi_ok) {
    return nullptr;
  }
  return external;
}

Args::Args(napi_env env, napi_callback_info info) : env_(env) {
  if (napi_get_cb_info(env, info, &count_, values_, nullptr, nullptr) != napi_ok) {
    ok_ = false;
    count_ = 0;
  }
  if (count_ > maximum) count_ = maximum;
}

void Args::fail(int index, const char* wanted) {
  if (!ok_) return;
  ok_ = false;
  char message[128];
  snprintf(message, sizeof message, "argument %d must be %s", index, wanted);
  napi_throw_type_error(env_, nullptr, message);
}

void Args::require(bool condition, const char* message) {
  if (condition || !ok_) return;
  ok_ = false;
  napi_throw_range_error(env_, nullptr, message);
}

napi_value driverError(napi_env env, const Failure& failure) {
  char text[128];
  const char* symbol = symbolOf(failure.call);
  snprintf(text, sizeof text, "%s answered %d", symbol, failure.result);
  napi_value error = nullptr;
  if (napi_create_error(env, nullptr, toText(env, text), &error) != napi_ok) return nullptr;
  setText(env, error, "call", symbol);
  setNumber(env, error, "result", failure.result);
  return error;
}

void Args::check(const Failure& failure) {
  if (!failure.failed() || !ok_) return;
  ok_ = false;
  napi_throw(env_, driverError(env_, failure));
}

Engine* Args::anyEngine(int index) {
  if (!ok_) return nullptr;
  void* data = nullptr;
  bool tagged = false;
  if (static_cast<size_t>(index) >= count_ ||
      napi_check_object_type_tag(env_, values_[index], &engineTag, &tagged) != napi_ok || !tagged ||
      napi_get_value_external(env_, values_[index], &data) != napi_ok) {
    fail(index, "an engine");
    return nullptr;
  }
  return static_cast<Engine*>(data);
}

Engine* Args::engine(int index) {
  Engine* engine = anyEngine(index);
  if (!ok_) return nullptr;
  require(!engine->disposed, "this engine was disposed of");
  if (ok_) check(enter(*engine));
  return ok_ ? engine : nullptr;
}

Bytes Args::bytes(int index) {
  Bytes bytes;
  if (!ok_) return bytes;
  napi_typedarray_type type;
  size_t count;
  void* data;
  if (static_cast<size_t>(index) >= count_ ||
      napi_get_typedarray_info(env_, values_[index], &type, &count, &data, nullptr, nullptr) != napi_ok) {
    fail(index, "a typed array");
    return bytes;
  }
  static constexpr int sizes[] = {1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8};
  if (static_cast<size_t>(type) >= sizeof sizes / sizeof sizes[0]) {
    fail(index, "a typed array of a known type");
    return bytes;
  }
  bytes.data = static_cast<char*>(data);
  bytes.length = static_cast<int64_t>(count) * sizes[type];
  return bytes;
}

double Args::number(int index) {
  double value = 0;
  if (!ok_) return 0;
  if (static_cast<size_t>(index) >= count_ || napi_get_value_double(env_, values_[index], &value) != napi_ok) {
    fail(index, "a number");
    return 0;
  }
  return value;
}

int64_t Args::size(int index, int64_t most) {
  const double value = number(index);
  if (!ok_) return 0;
  if (!(value >= 0 && value <= static_cast<double>(most)) || value != static_cast<double>(static_cast<int64_t>(value))) {
    fail(index, "a whole number of at least 0 that is not too large");
    return 0;
  }
  return static_cast<int64_t>(value);
}

bool Args::text(int index, char* into, size_t capacity) {
  size_t length = 0;
  into[0] = '\0';
  if (!ok_) return false;
  if (static_cast<size_t>(index) >= count_ ||
      napi_get_value_string_utf8(env_, values_[index], nullptr, 0, &length) != napi_ok || length >= capacity) {
    fail(index, "a string that is not too long");
    return false;
  }
  napi_get_value_string_utf8(env_, values_[index], into, capacity, &length);
  return true;
}

napi_value toNumber(napi_env env, double value) {
  napi_value number = nullptr;
  napi_create_double(env, value, &number);
  return number;
}

napi_value toText(napi_env env, const char* text) {
  napi_value string = nullptr;
  napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &string);
  return string;
}

void setNumber(napi_env env, napi_value object, const char* name, double value) {
  napi_set_named_property(env, object, name, toNumber(env, value));
}

void setText(napi_env env, napi_value object, const char* name, const char* text) {
  napi_set_named_property(env, object, name, toText(env, text));
}

}  // namespace kvfold
