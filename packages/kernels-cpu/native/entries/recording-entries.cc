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
  Holder* holder = keep && calls.made == calls.held ? static_cast<Holder*>(malloc(sizeof(Holder))) : nullptr;
  napi_value object;
  if (holder != nullptr) {
    holder->recording = recording;
    if (napi_create_object(env, &object) == napi_ok && napi_type_tag_object(env, object, &recordingTag) == napi_ok &&
        napi_wrap(env, object, holder, finalize, nullptr, nullptr) == napi_ok) {
      return object;
    }
    free(holder);
  }
  end(recording);
  return nullptr;
}

/** recordReplay(recording) */
napi_value RecordReplay(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const Holder* holder = holderArgument(args, 0);
  if (!args.ok()) return nullptr;
  args.require(holder->recording != nullptr, "this recording was disposed of");
  args.require(activeRecording() == nullptr, "a recording is under way");
  if (!args.ok()) return nullptr;
  args.require(holder->recording->replay(), "out of memory, or what was recorded was disposed of");
  return nullptr;
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
    {"recordReplay", RecordReplay},
    {"recordDispose", RecordDispose},
};

}  // namespace

extern const EntryTable recordingEntries;
const EntryTable recordingEntries = entryTable(entries);

}  // namespace kvfold
