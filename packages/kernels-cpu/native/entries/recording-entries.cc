// Entry points of recorded steps.
#include <cstdlib>
#include <new>

#include "../entry-point.h"
#include "../napi-args.h"
#include "../system/recorder.h"

namespace kvfold {
namespace {

constexpr napi_type_tag recordingTag = {0x6b76666f6c642d72, 0x65636f7264696e67};

struct Holder {
  Recording* recording;
  /** True while it is not done: it can be gone on with, and not be replayed. */
  bool paused;
  RecordedCalls calls;
};

void end(Recording*& recording) {
  if (recording == nullptr) return;
  recording->~Recording();
  free(recording);
  recording = nullptr;
}

void finalize(napi_env, void* data, void*) {
  Holder* holder = static_cast<Holder*>(data);
  end(holder->recording);
  free(holder);
}

Holder* holderArgument(Args& args, int index) {
  bool ours = false;
  void* data = nullptr;
  const napi_value object = args.value(index);
  const bool found = object != nullptr &&
                     napi_check_object_type_tag(args.env(), object, &recordingTag, &ours) == napi_ok && ours &&
                     napi_unwrap(args.env(), object, &data) == napi_ok;
  args.require(found, "this is no recording");
  return static_cast<Holder*>(data);
}

/** @returns undefined without memory; then the recording is still the caller's */
napi_value hold(napi_env env, Recording* recording, bool paused, RecordedCalls calls) {
  Holder* holder = static_cast<Holder*>(malloc(sizeof(Holder)));
  if (holder == nullptr) return nullptr;
  *holder = {recording, paused, calls};
  napi_value object;
  if (napi_create_object(env, &object) == napi_ok && napi_type_tag_object(env, object, &recordingTag) == napi_ok &&
      napi_wrap(env, object, holder, finalize, nullptr, nullptr) == napi_ok) {
    return object;
  }
  free(holder);
  return nullptr;
}

/** recordBegin(): every call of this thread from now on is run and recorded */
napi_value RecordBegin(napi_env env, napi_callback_info info) {
  Args args(env, info);
  args.require(activeRecording() == nullptr, "a recording is under way");
  if (!args.ok()) return nullptr;
  void* memory = malloc(sizeof(Recording));
  args.require(memory != nullptr, "out of memory");
  if (memory != nullptr) setActiveRecording(new (memory) Recording());
  return nullptr;
}

/** recordEnd(keep) -> recording; undefined when it is not to be kept, or a call of it was of a kind that cannot be replayed */
napi_value RecordEnd(napi_env env, napi_callback_info info) {
  const RecordedCalls calls = recordedCalls();
  Args args(env, info);
  const bool keep = args.flag(0);
  Recording* recording = activeRecording();
  setActiveRecording(nullptr);
  args.require(recording != nullptr, "no recording is under way");
  if (!args.ok()) return nullptr;
  const napi_value object = keep && calls.made == calls.held ? hold(env, recording, false, calls) : nullptr;
  if (object == nullptr) end(recording);
  return object;
}

/** recordPause() -> recording: calls from now on are not recorded, until recordResume */
napi_value RecordPause(napi_env env, napi_callback_info info) {
  const RecordedCalls calls = recordedCalls();
  Args args(env, info);
  Recording* recording = activeRecording();
  args.require(recording != nullptr, "no recording is under way");
  if (!args.ok()) return nullptr;
  const napi_value object = hold(env, recording, true, calls);
  args.require(object != nullptr, "out of memory");
  if (object != nullptr) setActiveRecording(nullptr);
  return object;
}

/** recordResume(recording) goes on with what recordPause gave */
napi_value RecordResume(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Holder* holder = holderArgument(args, 0);
  if (!args.ok()) return nullptr;
  args.require(holder->recording != nullptr && holder->paused, "this recording is not paused");
  args.require(activeRecording() == nullptr, "a recording is under way");
  if (!args.ok()) return nullptr;
  setActiveRecording(holder->recording, holder->calls);
  holder->recording = nullptr;
  return nullptr;
}

/** recordReplay(recording, first, milliseconds) -> number of the next call; 0 when all are done */
napi_value RecordReplay(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const Holder* holder = holderArgument(args, 0);
  const int64_t first = args.size(1);
  const double milliseconds = args.number(2);
  if (!args.ok()) return nullptr;
  args.require(holder->recording != nullptr && !holder->paused, "this recording was disposed of, or is not done");
  args.require(activeRecording() == nullptr, "a recording is under way");
  if (!args.ok()) return nullptr;
  const int64_t next = holder->recording->replay(first, milliseconds);
  args.require(next >= 0, "out of memory, or what was recorded was disposed of");
  if (!args.ok()) return nullptr;
  napi_value number;
  napi_create_double(env, next < holder->recording->size() ? static_cast<double>(next) : 0, &number);
  return number;
}

/** recordDispose(recording) */
napi_value RecordDispose(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Holder* holder = holderArgument(args, 0);
  if (args.ok()) end(holder->recording);
  return nullptr;
}

const EntryPoint entries[] = {
    {"recordBegin", RecordBegin},
    {"recordEnd", RecordEnd},
    {"recordPause", RecordPause},
    {"recordResume", RecordResume},
    {"recordReplay", RecordReplay},
    {"recordDispose", RecordDispose},
};

}  // namespace

extern const EntryTable recordingEntries;
const EntryTable recordingEntries = entryTable(entries);

}  // namespace kvfold
