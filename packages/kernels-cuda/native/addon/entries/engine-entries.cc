// Life of an engine, its modules and kernels, launches.
#include <cstdlib>
#include <new>

#include "../entry-point.h"
#include "../napi-args.h"

namespace kvfold {

namespace {

/** engineOpen(path, ordinal): takes a device into use. */
napi_value EngineOpen(napi_env env, napi_callback_info info) {
  Args args(env, info);
  char path[512];
  args.text(0, path, sizeof path);
  const int ordinal = static_cast<int>(args.size(1, 1 << 16));
  if (!args.ok()) return nullptr;
  cuda::LoadedDriver loaded;
  cuda::loadDriver(path, loaded);
  args.require(loaded.driver != nullptr, "the driver library cannot be opened");
  void* memory = args.ok() ? malloc(sizeof(Engine)) : nullptr;
  args.require(memory != nullptr, "no memory for an engine");
  if (!args.ok()) return nullptr;
  Engine* engine = new (memory) Engine();
  engine->driver = loaded.driver;
  const Failure failure = openEngine(*engine, ordinal);
  napi_value external = failure.failed() ? nullptr : wrapEngine(env, engine);
  args.check(failure);
  if (external == nullptr) {
    disposeEngine(*engine);
    engine->forgotten = true;
    forgetIfUnused(engine);
  }
  return external;
}

/** engineDispose(engine): waits for its work and gives everything back; twice is once. */
napi_value EngineDispose(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Engine* engine = args.anyEngine(0);
  if (args.ok()) args.check(disposeEngine(*engine));
  return nullptr;
}

/** moduleLoad(engine, image): the number of the module that the driver made of an image. */
napi_value ModuleLoad(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Engine* engine = args.engine(0);
  const Bytes image = args.bytes(1);
  args.require(image.length > 0, "an image is not empty");
  if (!args.ok()) return nullptr;
  Failure failure;
  cuda::Module module = nullptr;
  KVFOLD_TRY(failure, *engine, moduleLoad, &module, image.data);
  args.check(failure);
  if (!args.ok()) return nullptr;
  return toNumber(env, static_cast<double>(engine->modules.add(module)));
}

/** kernelGet(engine, module, name): the number of a kernel. */
napi_value KernelGet(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Engine* engine = args.engine(0);
  const int64_t place = args.size(1);
  char name[256];
  args.text(2, name, sizeof name);
  if (!args.ok()) return nullptr;
  cuda::Module module = engine->modules.at(place);
  args.require(module != nullptr, "there is no such module");
  if (!args.ok()) return nullptr;
  Failure failure;
  cuda::Function function = nullptr;
  KVFOLD_TRY(failure, *engine, moduleFunction, &function, module, name);
  args.check(failure);
  if (!args.ok()) return nullptr;
  return toNumber(env, static_cast<double>(engine->functions.add(function)));
}

/** kernelDescribe(engine, kernel): registers, local bytes (spills), static shared bytes and the most threads of a block. */
napi_value KernelDescribe(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Engine* engine = args.engine(0);
  const int64_t place = args.size(1);
  napi_value result;
  if (!args.ok() || napi_create_object(env, &result) != napi_ok) return nullptr;
  cuda::Function function = engine->functions.at(place);
  args.require(function != nullptr, "there is no such kernel");
  if (!args.ok()) return nullptr;
  static constexpr struct {
    const char* name;
    int attribute;
  } wanted[] = {{"registers", cuda::functionRegisters},
                {"localBytes", cuda::functionLocalBytes},
                {"sharedBytes", cuda::functionSharedBytes},
                {"maxThreads", cuda::functionMaxThreads}};
  Failure failure;
  for (const auto& each : wanted) {
    int value = 0;
    KVFOLD_TRY(failure, *engine, functionAttribute, &value, each.attribute, function);
    setNumber(env, result, each.name, value);
  }
  args.check(failure);
  return args.ok() ? result : nullptr;
}

/** kernelAllowShared(engine, kernel, bytes): lets a kernel have more dynamic shared memory than 48 KiB. */
napi_value KernelAllowShared(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Engine* engine = args.engine(0);
  const int64_t place = args.size(1);
  const int bytes = static_cast<int>(args.size(2, 1 << 24));
  if (!args.ok()) return nullptr;
  cuda::Function function = engine->functions.at(place);
  args.require(function != nullptr, "there is no such kernel");
  if (!args.ok()) return nullptr;
  Failure failure;
  KVFOLD_TRY(failure, *engine, functionSet, function, cuda::functionMaxDynamicShared, bytes);
  args.check(failure);
  return nullptr;
}

/** launch(engine, kernel, args, argBytes, gridX, gridY, gridZ, blockX, blockY, blockZ, sharedBytes) */
napi_value Launch(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Engine* engine = args.engine(0);
  const int64_t place = args.size(1);
  const Bytes values = args.bytes(2);
  size_t bytes = static_cast<size_t>(args.size(3));
  unsigned dims[7];
  for (int i = 0; i < 7; i++) dims[i] = static_cast<unsigned>(args.size(4 + i, INT32_MAX));
  args.require(static_cast<int64_t>(bytes) <= values.length, "more bytes of arguments than there are");
  if (!args.ok()) return nullptr;
  cuda::Function function = engine->functions.at(place);
  args.require(function != nullptr, "there is no such kernel");
  if (!args.ok()) return nullptr;
  void* extra[] = {reinterpret_cast<void*>(cuda::launchBuffer), values.data, reinterpret_cast<void*>(cuda::launchBufferSize),
                   &bytes, reinterpret_cast<void*>(cuda::launchEnd)};
  Failure failure;
  KVFOLD_TRY(failure, *engine, launch, function, dims[0], dims[1], dims[2], dims[3], dims[4], dims[5], dims[6],
             engine->stream, nullptr, extra);
  args.check(failure);
  return nullptr;
}

/** synchronize(engine): waits until the device has done everything. */
napi_value Synchronize(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Engine* engine = args.engine(0);
  if (!args.ok()) return nullptr;
  Failure failure;
  KVFOLD_TRY(failure, *engine, streamSynchronize, engine->stream);
  args.check(failure);
  return nullptr;
}

constexpr EntryPoint entries[] = {{"engineOpen", EngineOpen},
                                  {"engineDispose", EngineDispose},
                                  {"moduleLoad", ModuleLoad},
                                  {"kernelGet", KernelGet},
                                  {"kernelDescribe", KernelDescribe},
                                  {"kernelAllowShared", KernelAllowShared},
                                  {"launch", Launch},
                                  {"synchronize", Synchronize}};

}  // namespace

extern const EntryTable engineEntries;
const EntryTable engineEntries = entryTable(entries);

}  // namespace kvfold
