#include "napi-args.h"

#include <cstdio>

#include "system/recorder.h"

namespace kvfold {

Args::Args(napi_env env, napi_callback_info info) : env_(env) {
  if (napi_get_cb_info(env, info, &count_, values_, nullptr, nullptr) != napi_ok) {
    ok_ = false;
    count_ = 0;
  }
  if (count_ > maximum) count_ = maximum;
  recordedCalls().made++;
}

void Args::harmless() { recordedCalls().made--; }

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

bool Args::has(int index) {
  if (static_cast<size_t>(index) >= count_) return false;
  napi_valuetype type;
  return napi_typeof(env_, values_[index], &type) == napi_ok && type != napi_undefined && type != napi_null;
}

void* Args::typedArray(int index, napi_typedarray_type type, const char* wanted, int64_t& length) {
  length = 0;
  if (!ok_) return nullptr;
  napi_typedarray_type found;
  size_t elements;
  void* data;
  if (static_cast<size_t>(index) >= count_ ||
      napi_get_typedarray_info(env_, values_[index], &found, &elements, &data, nullptr, nullptr) != napi_ok ||
      found != type) {
    fail(index, wanted);
    return nullptr;
  }
  length = static_cast<int64_t>(elements);
  return data;
}

Span<float> Args::floats(int index) {
  Span<float> span;
  span.data = static_cast<float*>(typedArray(index, napi_float32_array, "a Float32Array", span.length));
  return span;
}

Span<float> Args::optionalFloats(int index) { return has(index) ? floats(index) : Span<float>{}; }

Span<int32_t> Args::ints(int index) {
  Span<int32_t> span;
  span.data = static_cast<int32_t*>(typedArray(index, napi_int32_array, "an Int32Array", span.length));
  return span;
}

Span<uint8_t> Args::bytes(int index) {
  Span<uint8_t> span;
  span.data = static_cast<uint8_t*>(typedArray(index, napi_uint8_array, "a Uint8Array", span.length));
  return span;
}

Span<uint8_t> Args::elements(int index, int64_t& elementBytes) {
  Span<uint8_t> span;
  elementBytes = 1;
  if (!ok_) return span;
  napi_typedarray_type type;
  size_t count;
  void* data;
  if (static_cast<size_t>(index) >= count_ ||
      napi_get_typedarray_info(env_, values_[index], &type, &count, &data, nullptr, nullptr) != napi_ok ||
      (type != napi_float32_array && type != napi_int32_array && type != napi_uint8_array)) {
    fail(index, "a Float32Array, an Int32Array or a Uint8Array");
    return span;
  }
  elementBytes = type == napi_uint8_array ? 1 : 4;
  span.data = static_cast<uint8_t*>(data);
  span.length = static_cast<int64_t>(count) * elementBytes;
  return span;
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

int64_t Args::size(int index) {
  const double value = number(index);
  if (!ok_) return 0;
  if (!(value >= 0 && value <= 9007199254740992.0) || value != static_cast<double>(static_cast<int64_t>(value))) {
    fail(index, "a whole number of at least 0");
    return 0;
  }
  return static_cast<int64_t>(value);
}

bool Args::flag(int index) {
  bool value = false;
  if (!ok_) return false;
  if (static_cast<size_t>(index) >= count_ || napi_get_value_bool(env_, values_[index], &value) != napi_ok) {
    fail(index, "a boolean");
  }
  return value;
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

}  // namespace kvfold
