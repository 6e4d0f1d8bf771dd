// Which devices there are.
#include <cstdio>
#include <cstring>

#include "../entry-point.h"
#include "../napi-args.h"

namespace kvfold {

namespace {

/** A driver that was loaded; throws nothing. */
const cuda::Driver* driverAt(napi_env env, const char* path, napi_value into) {
  cuda::LoadedDriver loaded;
  cuda::loadDriver(path, loaded);
  if (loaded.driver != nullptr) return loaded.driver;
  setText(env, into, "problem", loaded.problem);
  setText(env, into, "detail", loaded.detail);
  return nullptr;
}

void setFailure(napi_env env, napi_value into, const Failure& failure) {
  setText(env, into, "problem", "call");
  napi_set_named_property(env, into, "error", driverError(env, failure));
}

/**
 * openDriver(path): { version, devices } of a driver library, { problem: "library" | "symbol", detail } when it cannot be
 * used, or { problem: "call", error } when its first calls fail.
 */
napi_value OpenDriver(napi_env env, napi_callback_info info) {
  Args args(env, info);
  char path[512];
  args.text(0, path, sizeof path);
  napi_value result;
  if (!args.ok() || napi_create_object(env, &result) != napi_ok) return nullptr;
  Engine engine;
  engine.driver = driverAt(env, path, result);
  if (engine.driver == nullptr) return result;
  Failure failure;
  int version = 0;
  int count = 0;
  // The version first: it can be asked for without a device, and says why the rest may fail.
  KVFOLD_TRY(failure, engine, driverVersion, &version);
  if (!failure.failed()) setNumber(env, result, "version", version);
  KVFOLD_TRY(failure, engine, init, 0);
  KVFOLD_TRY(failure, engine, deviceCount, &count);
  if (failure.failed()) setFailure(env, result, failure);
  else setNumber(env, result, "devices", count);
  return result;
}

void uuidText(const cuda::Uuid& uuid, char (&text)[48]) {
  char* at = text + snprintf(text, sizeof text, "GPU-");
  for (int i = 0; i < 16; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *at++ = '-';
    at += snprintf(at, 3, "%02x", static_cast<unsigned>(static_cast<unsigned char>(uuid.bytes[i])));
  }
}

/** describeDevice(path, ordinal): name, uuid, compute capability, memory and size of a device. */
napi_value DescribeDevice(napi_env env, napi_callback_info info) {
  Args args(env, info);
  char path[512];
  args.text(0, path, sizeof path);
  const int ordinal = static_cast<int>(args.size(1, 1 << 16));
  napi_value result;
  if (!args.ok() || napi_create_object(env, &result) != napi_ok) return nullptr;
  Engine engine;
  engine.driver = driverAt(env, path, result);
  if (engine.driver == nullptr) return result;
  Failure failure;
  char name[256] = {};
  cuda::Uuid uuid = {};
  size_t memory = 0;
  KVFOLD_TRY(failure, engine, deviceGet, &engine.device, ordinal);
  KVFOLD_TRY(failure, engine, deviceName, name, sizeof name, engine.device);
  KVFOLD_TRY(failure, engine, deviceUuid, &uuid, engine.device);
  KVFOLD_TRY(failure, engine, deviceMemory, &memory, engine.device);
  static constexpr struct {
    const char* name;
    int attribute;
  } wanted[] = {{"major", cuda::attributeMajor},
                {"minor", cuda::attributeMinor},
                {"multiprocessors", cuda::attributeMultiprocessors},
                {"sharedBytes", cuda::attributeSharedOptIn},
                {"sharedEach", cuda::attributeSharedEach},
                {"l2Bytes", cuda::attributeL2Bytes}};
  for (const auto& each : wanted) {
    int value = 0;
    KVFOLD_TRY(failure, engine, deviceAttribute, &value, each.attribute, engine.device);
    setNumber(env, result, each.name, value);
  }
  args.check(failure);
  if (!args.ok()) return nullptr;
  char text[48];
  uuidText(uuid, text);
  setText(env, result, "name", name);
  setText(env, result, "uuid", text);
  setNumber(env, result, "memoryBytes", static_cast<double>(memory));
  return result;
}

constexpr EntryPoint entries[] = {{"openDriver", OpenDriver}, {"describeDevice", DescribeDevice}};

}  // namespace

extern const EntryTable driverEntries;
const EntryTable driverEntries = entryTable(entries);

}  // namespace kvfold
