// Stores and snapshots as JavaScript objects. They free their memory when JavaScript disposes of them, or forgets them.
#pragma once
#include "../napi-args.h"
#include "../store/store.h"

namespace kvfold {

/** A new object around an empty store; null, and an exception, when there is no memory. */
napi_value wrapStore(napi_env env, const StoreShape& shape);

/** A new object around a copy of a store's lanes. */
napi_value wrapSnapshot(napi_env env, const LaneTable& lanes);

/** The store that an argument holds; null, and an exception, when it holds none or was disposed of. */
Store* storeArgument(Args& args, int index);

/** Where the handle keeps that store: null once it is disposed of. Valid while JavaScript holds the object. */
Store* const* storeSlotArgument(Args& args, int index);

/** The lanes that an argument holds: a store or a snapshot. */
LaneTable* lanesArgument(Args& args, int index);

/** Frees what an argument holds; safe to repeat. */
void disposeArgument(Args& args, int index);

}  // namespace kvfold
