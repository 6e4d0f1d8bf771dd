// What tests call: the library is also an N-API module.
#include <node_api.h>

#include "state.h"

namespace kvfold::driver_emulator {

namespace {

double numberAt(napi_env env, napi_value value) {
  double number = 0;
  napi_get_value_double(env, value, &number);
  return number;
}

std::string textAt(napi_env env, napi_value value) {
  char text[128] = {};
  size_t length = 0;
  napi_get_value_string_utf8(env, value, text, sizeof text, &length);
  return text;
}

/** configure(name, value): version, devices, memoryBytes or initResult. */
napi_value Configure(napi_env env, napi_callback_info info) {
  napi_value values[2];
  size_t count = 2;
  napi_get_cb_info(env, info, &count, values, nullptr, nullptr);
  const std::string name = textAt(env, values[0]);
  const double value = numberAt(env, values[1]);
  State& s = state();
  const std::lock_guard<std::mutex> guard(s.lock);
  if (name == "version") s.version = static_cast<int>(value);
  else if (name == "devices") s.devices = static_cast<int>(value);
  else if (name == "memoryBytes") s.memoryBytes = static_cast<size_t>(value);
  else if (name == "initResult") s.initResult = static_cast<int>(value);
  else napi_throw_range_error(env, nullptr, "no such setting");
  return nullptr;
}

/** inject(symbol, result, skip): the call after `skip` others gives this result, once. */
napi_value Inject(napi_env env, napi_callback_info info) {
  napi_value values[3];
  size_t count = 3;
  napi_get_cb_info(env, info, &count, values, nullptr, nullptr);
  State& s = state();
  const std::lock_guard<std::mutex> guard(s.lock);
  s.injections[textAt(env, values[0])] = {static_cast<int>(numberAt(env, values[1])), static_cast<int>(numberAt(env, values[2]))};
  return nullptr;
}

/** report(): what lives, and what was wrong, as JSON. */
napi_value Report(napi_env env, napi_callback_info) {
  State& s = state();
  const std::lock_guard<std::mutex> guard(s.lock);
  const std::string json = report();
  napi_value text;
  napi_create_string_utf8(env, json.c_str(), json.size(), &text);
  return text;
}

/** reset(): everything as at the start. No engine may live. */
napi_value Reset(napi_env, napi_callback_info) {
  State& s = state();
  const std::lock_guard<std::mutex> guard(s.lock);
  reset();
  return nullptr;
}

}  // namespace

napi_value define(napi_env env, napi_value exports) {
  const napi_property_descriptor properties[] = {
      {"configure", nullptr, Configure, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"inject", nullptr, Inject, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"report", nullptr, Report, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"reset", nullptr, Reset, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
  };
  napi_define_properties(env, exports, sizeof properties / sizeof properties[0], properties);
  return exports;
}

}  // namespace kvfold::driver_emulator

NAPI_MODULE_INIT() { return kvfold::driver_emulator::define(env, exports); }
