// Device memory and copies.
#include <cstdlib>
#include <cstring>

#include "../entry-point.h"
#include "../napi-args.h"

namespace kvfold {

namespace {

/** memoryAlloc(engine, bytes): the address of new device memory. */
napi_value MemoryAlloc(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Engine* engine = args.engine(0);
  const int64_t bytes = args.size(1);
  if (!args.ok()) return nullptr;
  Failure failure;
  cuda::Address address = 0;
  KVFOLD_TRY(failure, *engine, memoryAlloc, &address, static_cast<size_t>(bytes));
  args.check(failure);
  return args.ok() ? toNumber(env, static_cast<double>(address)) : nullptr;
}

/** memoryFree(engine, address) */
napi_value MemoryFree(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Engine* engine = args.engine(0);
  const cuda::Address address = args.address(1);
  if (!args.ok()) return nullptr;
  Failure failure;
  KVFOLD_TRY(failure, *engine, memoryFree, address);
  args.check(failure);
  return nullptr;
}

/** memoryInfo(engine): { free, total } bytes of the device, other processes counted. */
napi_value MemoryInfo(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Engine* engine = args.engine(0);
  napi_value result;
  if (!args.ok() || napi_create_object(env, &result) != napi_ok) return nullptr;
  Failure failure;
  size_t free = 0;
  size_t total = 0;
  KVFOLD_TRY(failure, *engine, memoryInfo, &free, &total);
  args.check(failure);
  if (!args.ok()) return nullptr;
  setNumber(env, result, "free", static_cast<double>(free));
  setNumber(env, result, "total", static_cast<double>(total));
  return result;
}

/** upload(engine, address, array): the array may change as soon as this returns. */
napi_value Upload(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Engine* engine = args.engine(0);
  const cuda::Address to = args.address(1);
  const Bytes from = args.bytes(2);
  if (args.ok()) args.check(upload(*engine, to, from.data, static_cast<size_t>(from.length)));
  return nullptr;
}

/** download(engine, address, array): fills the array and waits for it. */
napi_value Download(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Engine* engine = args.engine(0);
  const cuda::Address from = args.address(1);
  const Bytes to = args.bytes(2);
  if (args.ok() && to.length > 0) args.check(download(*engine, to.data, from, static_cast<size_t>(to.length)));
  return nullptr;
}

/** copy(engine, to, from, bytes): on the device. */
napi_value Copy(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Engine* engine = args.engine(0);
  const cuda::Address to = args.address(1);
  const cuda::Address from = args.address(2);
  const int64_t bytes = args.size(3);
  if (!args.ok()) return nullptr;
  Failure failure;
  KVFOLD_TRY(failure, *engine, copyOnDevice, to, from, static_cast<size_t>(bytes), engine->stream);
  args.check(failure);
  return nullptr;
}

/** fillWords(engine, address, word, count): the same 32 bits, `count` times. */
napi_value FillWords(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Engine* engine = args.engine(0);
  const cuda::Address to = args.address(1);
  const unsigned word = static_cast<unsigned>(args.size(2, UINT32_MAX));
  const int64_t count = args.size(3);
  if (!args.ok()) return nullptr;
  Failure failure;
  KVFOLD_TRY(failure, *engine, fillWords, to, word, static_cast<size_t>(count), engine->stream);
  args.check(failure);
  return nullptr;
}

/** fillBytes(engine, address, byte, count): the same 8 bits, `count` times. */
napi_value FillBytes(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Engine* engine = args.engine(0);
  const cuda::Address to = args.address(1);
  const unsigned char byte = static_cast<unsigned char>(args.size(2, 255));
  const int64_t count = args.size(3);
  if (!args.ok()) return nullptr;
  Failure failure;
  KVFOLD_TRY(failure, *engine, fillBytes, to, byte, static_cast<size_t>(count), engine->stream);
  args.check(failure);
  return nullptr;
}

/** A download that does not stop the calling thread. */
struct Reading {
  Engine* engine;
  void* pinned;
  size_t bytes;
  cuda::Event done;
  Failure failure;
  napi_deferred deferred;
  napi_async_work work;
};

/** In a thread of the runtime: waits for the copy. */
void waitForCopy(napi_env, void* data) {
  Reading& reading = *static_cast<Reading*>(data);
  reading.failure = enter(*reading.engine);
  KVFOLD_TRY(reading.failure, *reading.engine, eventSynchronize, reading.done);
}

/** In the JavaScript thread again: copies from pinned memory, or rejects. */
void finishReading(napi_env env, napi_status, void* data) {
  Reading& reading = *static_cast<Reading*>(data);
  Engine& engine = *reading.engine;
  napi_value buffer = nullptr;
  void* memory = nullptr;
  if (!reading.failure.failed() && napi_create_arraybuffer(env, reading.bytes, &memory, &buffer) == napi_ok) {
    memcpy(memory, reading.pinned, reading.bytes);
    napi_resolve_deferred(env, reading.deferred, buffer);
  } else if (reading.failure.failed()) {
    napi_reject_deferred(env, reading.deferred, driverError(env, reading.failure));
  } else {
    napi_value error = nullptr;
    napi_get_and_clear_last_exception(env, &error);
    napi_reject_deferred(env, reading.deferred, error);
  }
  enter(engine);
  engine.driver->hostFree(reading.pinned);
  engine.driver->eventDestroy(reading.done);
  napi_delete_async_work(env, reading.work);
  free(&reading);
  engine.downloads--;
  forgetIfUnused(&engine);
}

/** downloadAsync(engine, address, bytes): a promise of an ArrayBuffer. */
napi_value DownloadAsync(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Engine* engine = args.engine(0);
  const cuda::Address from = args.address(1);
  const size_t bytes = static_cast<size_t>(args.size(2));
  args.require(bytes > 0, "nothing to download");
  Reading* reading = args.ok() ? static_cast<Reading*>(calloc(1, sizeof(Reading))) : nullptr;
  args.require(reading != nullptr, "no memory for a download");
  if (!args.ok()) return nullptr;
  reading->engine = engine;
  reading->bytes = bytes;
  Failure failure;
  KVFOLD_TRY(failure, *engine, hostAlloc, &reading->pinned, bytes, 0);
  KVFOLD_TRY(failure, *engine, eventCreate, &reading->done, cuda::eventDisableTiming | cuda::eventBlockingSync);
  KVFOLD_TRY(failure, *engine, copyToHost, reading->pinned, from, bytes, engine->stream);
  KVFOLD_TRY(failure, *engine, eventRecord, reading->done, engine->stream);
  napi_value promise = nullptr;
  if (!failure.failed() && napi_create_promise(env, &reading->deferred, &promise) == napi_ok &&
      napi_create_async_work(env, nullptr, toText(env, "kvfold download"), waitForCopy, finishReading, reading,
                             &reading->work) == napi_ok &&
      napi_queue_async_work(env, reading->work) == napi_ok) {
    engine->downloads++;
    return promise;
  }
  if (reading->done != nullptr) engine->driver->eventDestroy(reading->done);
  if (reading->pinned != nullptr) engine->driver->hostFree(reading->pinned);
  free(reading);
  args.check(failure);
  args.require(failure.failed(), "the runtime took no asynchronous work");
  return nullptr;
}

constexpr EntryPoint entries[] = {{"memoryAlloc", MemoryAlloc},
                                  {"memoryFree", MemoryFree},
                                  {"memoryInfo", MemoryInfo},
                                  {"upload", Upload},
                                  {"download", Download},
                                  {"downloadAsync", DownloadAsync},
                                  {"copy", Copy},
                                  {"fillWords", FillWords},
                                  {"fillBytes", FillBytes}};

}  // namespace

extern const EntryTable memoryEntries;
const EntryTable memoryEntries = entryTable(entries);

}  // namespace kvfold
