#include "store-handle.h"

#include <cstdlib>
#include <new>

namespace kvfold {
namespace {

/** What an object of JavaScript points to; one of the two, none once it is disposed of. */
struct Handle {
  Store* store;
  LaneTable* lanes;
};

constexpr napi_type_tag handleTag = {0x6b76666f6c642d73, 0x746f72652d303031};

template <class T, class... Arguments>
T* make(const Arguments&... arguments) {
  void* memory = malloc(sizeof(T));
  return memory == nullptr ? nullptr : new (memory) T(arguments...);
}

template <class T>
void end(T*& object) {
  if (object == nullptr) return;
  object->~T();
  free(object);
  object = nullptr;
}

void empty(Handle& handle) {
  end(handle.store);
  end(handle.lanes);
}

void finalize(napi_env, void* data, void*) {
  Handle* handle = static_cast<Handle*>(data);
  empty(*handle);
  end(handle);
}

napi_value wrap(napi_env env, Store* store, LaneTable* lanes) {
  Handle* handle = store == nullptr && lanes == nullptr ? nullptr : make<Handle>();
  napi_value object = nullptr;
  if (handle != nullptr) {
    *handle = {store, lanes};
    if (napi_create_object(env, &object) == napi_ok && napi_type_tag_object(env, object, &handleTag) == napi_ok &&
        napi_wrap(env, object, handle, finalize, nullptr, nullptr) == napi_ok) {
      return object;
    }
    empty(*handle);
    end(handle);
  } else {
    end(store);
    end(lanes);
  }
  napi_throw_range_error(env, nullptr, "out of memory");
  return nullptr;
}

Handle* handleArgument(Args& args, int index) {
  if (!args.ok()) return nullptr;
  bool ours = false;
  void* data = nullptr;
  const napi_value object = args.value(index);
  const bool found = object != nullptr &&
                     napi_check_object_type_tag(args.env(), object, &handleTag, &ours) == napi_ok && ours &&
                     napi_unwrap(args.env(), object, &data) == napi_ok;
  args.require(found, "this is no store");
  return static_cast<Handle*>(data);
}

}  // namespace

napi_value wrapStore(napi_env env, const StoreShape& shape) { return wrap(env, make<Store>(shape), nullptr); }

napi_value wrapSnapshot(napi_env env, const LaneTable& lanes) {
  LaneTable* copy = make<LaneTable>(lanes.shape());
  if (copy != nullptr && !copy->copy(lanes)) end(copy);
  return wrap(env, nullptr, copy);
}

Store* storeArgument(Args& args, int index) {
  const Handle* handle = handleArgument(args, index);
  Store* store = handle == nullptr ? nullptr : handle->store;
  args.require(store != nullptr, "this store was disposed of");
  return store;
}

Store* const* storeSlotArgument(Args& args, int index) {
  const Handle* handle = handleArgument(args, index);
  return handle == nullptr ? nullptr : &handle->store;
}

LaneTable* lanesArgument(Args& args, int index) {
  const Handle* handle = handleArgument(args, index);
  LaneTable* lanes = handle == nullptr ? nullptr : handle->store != nullptr ? &handle->store->table : handle->lanes;
  args.require(lanes != nullptr, "this store was disposed of");
  return lanes;
}

void disposeArgument(Args& args, int index) {
  Handle* handle = handleArgument(args, index);
  if (handle != nullptr) empty(*handle);
}

}  // namespace kvfold
