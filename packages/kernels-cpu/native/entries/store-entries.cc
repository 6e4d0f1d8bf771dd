// Entry points of stores: making them, what they hold, and their numbers in and out. Writing, dropping and attention are in
// store-step-entries.cc.
#include <cstring>

#include "../entry-point.h"
#include "../store/transfer.h"
#include "store-handle.h"

namespace kvfold {
namespace {

constexpr int64_t mostHeads = 1 << 16;
constexpr int64_t mostHeadDim = 1 << 16;
constexpr int64_t mostWindow = 1 << 20;

napi_value numberValue(napi_env env, double value) {
  napi_value number;
  napi_create_double(env, value, &number);
  return number;
}

/** storeNew(queryHeads, kvHeads, headDim, codec, pageSlots, columns, position, until, merges, window, rotatesAtWrite) */
napi_value StoreNew(napi_env env, napi_callback_info info) {
  Args args(env, info);
  StoreOptions options = {};
  options.queryHeads = args.size(0);
  options.kvHeads = args.size(1);
  options.headDim = args.size(2);
  const int64_t codec = args.size(3);
  options.pageSlots = args.size(4);
  options.columns = args.size(5);
  options.positionColumn = args.has(6) ? args.size(6) : noColumn;
  options.untilColumn = args.has(7) ? args.size(7) : noColumn;
  options.merges = args.flag(8);
  options.window = args.size(9);
  options.rotatesAtWrite = args.flag(10);
  args.require(options.kvHeads >= 1 && options.queryHeads <= mostHeads && options.queryHeads >= options.kvHeads &&
                   options.queryHeads % options.kvHeads == 0,
               "query heads must be a multiple of the KV heads");
  args.require(options.headDim >= 1 && options.headDim <= mostHeadDim, "the head is too large");
  args.require(codec < entryCodecCount, "there is no such codec");
  args.require(options.pageSlots >= 8 && options.pageSlots <= mostPageSlots && options.pageSlots % 8 == 0,
               "a page holds 8 to 64 entries, a multiple of 8");
  args.require(options.columns <= mostColumns && options.positionColumn < options.columns &&
                   options.untilColumn < options.columns,
               "there are too many columns");
  args.require(options.window <= mostWindow, "the window is too large");
  if (!args.ok()) return nullptr;
  options.codec = static_cast<EntryCodec>(codec);
  StoreShape shape;
  args.require(makeShape(options, shape), "out of memory");
  return args.ok() ? wrapStore(env, shape) : nullptr;
}

/** storeDispose(store or snapshot) */
napi_value StoreDispose(napi_env env, napi_callback_info info) {
  Args args(env, info);
  disposeArgument(args, 0);
  return nullptr;
}

/** storeSnapshot(store) -> snapshot */
napi_value StoreSnapshot(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const LaneTable* lanes = lanesArgument(args, 0);
  return args.ok() ? wrapSnapshot(env, *lanes) : nullptr;
}

/** storeRestore(store, snapshot) */
napi_value StoreRestore(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Store* store = storeArgument(args, 0);
  const LaneTable* lanes = lanesArgument(args, 1);
  if (!args.ok()) return nullptr;
  args.require(sameShape(store->shape(), lanes->shape()), "the snapshot is of another kind of store");
  if (!args.ok()) return nullptr;
  store->endStep();
  args.require(store->table.copy(*lanes), "out of memory");
  store->notePeak();
  return nullptr;
}

/** storeSelectRows(store, Int32Array rows): -1 is a new empty row */
napi_value StoreSelectRows(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Store* store = storeArgument(args, 0);
  const Span<int32_t> rows = args.ints(1);
  if (!args.ok()) return nullptr;
  const int64_t heads = store->shape().options.kvHeads;
  Growable<int32_t> lanes;
  args.require(lanes.resize(rows.length * heads), "out of memory");
  if (!args.ok()) return nullptr;
  for (int64_t i = 0; i < rows.length; i++) {
    args.require(rows.data[i] >= -1 && rows.data[i] < store->rows(), "there is no such row");
    for (int64_t head = 0; head < heads; head++) {
      lanes[i * heads + head] = rows.data[i] < 0 ? -1 : static_cast<int32_t>(rows.data[i] * heads + head);
    }
  }
  if (!args.ok()) return nullptr;
  store->endStep();
  args.require(store->table.select(store->table, lanes.data(), lanes.size()), "out of memory");
  return nullptr;
}

/** storeCrop(store, Int32Array entries of each row) */
napi_value StoreCrop(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Store* store = storeArgument(args, 0);
  const Span<int32_t> entries = args.ints(1);
  if (!args.ok()) return nullptr;
  bool valid = entries.length >= store->rows();
  for (int64_t i = 0; i < entries.length; i++) valid = valid && entries.data[i] >= 0;
  args.require(valid, "crop needs a number of entries for each row");
  if (!args.ok()) return nullptr;
  store->endStep();
  cropRows(*store, entries.data);
  return nullptr;
}

/** storeLengths(store, Int32Array [lanes]) -> most entries that all lanes ever held */
napi_value StoreLengths(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const Store* store = storeArgument(args, 0);
  const Span<int32_t> out = args.ints(1);
  if (!args.ok()) return nullptr;
  args.require(out.length >= store->table.count(), "there are more lanes");
  if (!args.ok()) return nullptr;
  for (int64_t i = 0; i < store->table.count(); i++) out.data[i] = static_cast<int32_t>(store->table[i].length);
  return numberValue(env, static_cast<double>(store->peak));
}

/**
 * storeBytes(store or snapshot) -> Float64Array [bytes that only it holds, bytes of state, then address and bytes of each
 * page that is shared]
 */
napi_value StoreBytesOf(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const LaneTable* lanes = lanesArgument(args, 0);
  if (!args.ok()) return nullptr;
  StoreBytes bytes;
  Growable<double> shared;
  args.require(countBytes(*lanes, bytes, shared), "out of memory");
  if (!args.ok()) return nullptr;
  const size_t count = static_cast<size_t>(2 + shared.size());
  napi_value buffer, array;
  void* memory;
  if (napi_create_arraybuffer(env, count * 8, &memory, &buffer) != napi_ok) return nullptr;
  double* numbers = static_cast<double*>(memory);
  numbers[0] = static_cast<double>(bytes.own);
  numbers[1] = static_cast<double>(bytes.state);
  if (shared.size() > 0) memcpy(numbers + 2, shared.data(), static_cast<size_t>(shared.size()) * 8);
  return napi_create_typedarray(env, napi_float64_array, count, buffer, 0, &array) == napi_ok ? array : nullptr;
}

/** pagedBytes() -> bytes of all pages in use in this process */
napi_value PagedBytes(napi_env env, napi_callback_info) {
  return numberValue(env, static_cast<double>(pageFigures().bytes));
}

/** Reads (keys, values, sums | undefined, counts | undefined, columns...) from argument `first` on. */
bool contentArguments(Args& args, int first, const StoreShape& shape, int64_t lanes, int64_t entries, StoreContent& content) {
  const int64_t headDim = shape.options.headDim;
  const Span<float> keys = args.floats(first), values = args.floats(first + 1);
  const Span<float> sums = args.optionalFloats(first + 2), counts = args.optionalFloats(first + 3);
  content = {keys.data, values.data, {}, sums.data, counts.data};
  args.require(keys.length / headDim >= entries && values.length / headDim >= entries, "keys or values do not fit");
  if (shape.options.merges) {
    const int64_t stateFloats = shape.ringRows * (2 * headDim + 1);
    args.require(sums.length / stateFloats >= lanes && counts.length >= lanes, "the running averages do not fit");
  }
  for (int64_t c = 0; c < shape.options.columns; c++) {
    const Span<int32_t> column = args.ints(first + 4 + static_cast<int>(c));
    content.columns[c] = column.data;
    args.require(column.length >= entries, "a column does not fit");
  }
  return args.ok();
}

/** storeExport(store, keys, values, sums, counts, ...columns): arrays to fill; columns as bits */
napi_value StoreExport(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Store* store = storeArgument(args, 0);
  if (!args.ok()) return nullptr;
  int64_t entries = 0;
  for (int64_t i = 0; i < store->table.count(); i++) entries += store->table[i].length;
  StoreContent content;
  if (!contentArguments(args, 1, store->shape(), store->table.count(), entries, content)) return nullptr;
  args.require(exportContent(*store, content), "out of memory");
  return nullptr;
}

/** storeImport(store, Int32Array lengths of all lanes, keys, values, sums, counts, ...columns) */
napi_value StoreImport(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Store* store = storeArgument(args, 0);
  const Span<int32_t> lengths = args.ints(1);
  if (!args.ok()) return nullptr;
  int64_t entries = 0;
  bool valid = lengths.length % store->shape().options.kvHeads == 0;
  for (int64_t i = 0; i < lengths.length; i++) {
    valid = valid && lengths.data[i] >= 0;
    entries += lengths.data[i];
  }
  args.require(valid, "lengths must have a number for each lane of whole rows");
  StoreContent content;
  if (!args.ok() || !contentArguments(args, 2, store->shape(), lengths.length, entries, content)) return nullptr;
  args.require(importContent(*store, lengths.data, lengths.length, content), "out of memory");
  return nullptr;
}

const EntryPoint entries[] = {
    {"storeNew", StoreNew},
    {"storeDispose", StoreDispose},
    {"storeSnapshot", StoreSnapshot},
    {"storeRestore", StoreRestore},
    {"storeSelectRows", StoreSelectRows},
    {"storeCrop", StoreCrop},
    {"storeLengths", StoreLengths},
    {"storeBytes", StoreBytesOf},
    {"pagedBytes", PagedBytes},
    {"storeExport", StoreExport},
    {"storeImport", StoreImport},
};

}  // namespace

extern const EntryTable storeEntries;
const EntryTable storeEntries = entryTable(entries);

}  // namespace kvfold
