// Entry points of a step: write, drop, attend, and the columns that a policy reads and sets. A step is an Int32Array of
// rows, real tokens of each, and positions of their first tokens, and the length of the token axis.
#include "../entry-point.h"
#include "../store/attend.h"
#include "../store/drop.h"
#include "../store/transfer.h"
#include "../store/write.h"
#include "../system/recorder.h"
#include "../system/runtime.h"
#include "store-handle.h"

namespace kvfold {
namespace {

constexpr int64_t mostTokens = int64_t{1} << 30;

bool isStepOf(const Store& store, const Step& step) {
  for (int64_t i = 0; i < step.rowCount; i++) {
    const bool valid = step.rows[i] >= 0 && step.rows[i] < store.rows() && (i == 0 || step.rows[i] > step.rows[i - 1]) &&
                       step.lengths[i] >= 1 && step.lengths[i] <= step.tokens && step.starts[i] >= 0 &&
                       step.starts[i] < mostTokens;
    if (!valid) return false;
  }
  return true;
}

/** Reads arguments `index` and `index + 1`. */
Step stepArguments(Args& args, int index, const Store* store) {
  const Span<int32_t> numbers = args.ints(index);
  const int64_t tokens = args.size(index + 1);
  Step step = {numbers.data, numbers.data, numbers.data, numbers.length / 3, tokens};
  if (!args.ok()) return step;
  step.lengths = step.rows + step.rowCount;
  step.starts = step.lengths + step.rowCount;
  args.require(numbers.length % 3 == 0 && tokens >= 1 && tokens <= mostTokens && isStepOf(*store, step),
               "this is no step of the store");
  return step;
}

/** Work on a store as a recorded call: the store may be gone when it runs again, and the step's numbers have changed. */
template <class Work>
bool performOn(Store* const* slot, const Step& step, const Work& work) {
  return perform([=] {
    Store* store = *slot;
    return store != nullptr && isStepOf(*store, step) && work(*store);
  });
}

/** Longest lane of a step. */
int64_t longestLane(const Store& store, const Step& step) {
  int64_t longest = 0;
  for (int64_t lane = 0; lane < step.rowCount * store.shape().options.kvHeads; lane++) {
    const int64_t length = store.table[laneOf(store, step, lane)].length;
    longest = length > longest ? length : longest;
  }
  return longest;
}

struct WriteArguments {
  Store* const* slot;
  Store* store;
  WriteCall call;
};

/** (store, step, tokens, k, v, cos | undefined, sin | undefined, half, blank: -1 for none) */
WriteArguments writeArguments(Args& args) {
  Store* store = storeArgument(args, 0);
  if (!args.ok()) return {};
  const Step step = stepArguments(args, 1, store);
  const Span<float> k = args.floats(3), v = args.floats(4), cos = args.optionalFloats(5), sin = args.optionalFloats(6);
  const int64_t half = args.size(7);
  const double blank = args.number(8);
  if (!args.ok()) return {};
  const StoreOptions& options = store->shape().options;
  const int64_t tokens = step.rowCount * step.tokens;
  args.require(rowsFit(k.length, tokens, options.kvHeads * options.headDim) &&
                   rowsFit(v.length, tokens, options.kvHeads * options.headDim),
               "k or v does not fit the step");
  args.require(cos.data == nullptr || (sin.data != nullptr && 2 * half <= options.headDim && rowsFit(cos.length, tokens, half) &&
                                       rowsFit(sin.length, tokens, half)),
               "the angles do not fit the step");
  args.require(blank >= -1 && blank < static_cast<double>(options.headDim), "there is no such channel");
  return {storeSlotArgument(args, 0), store, {step, k.data, v.data, cos.data, sin.data, half, static_cast<int64_t>(blank)}};
}

int64_t stepNumbers(const WriteArguments& write) {
  return write.call.step.rowCount * write.call.step.tokens * write.store->shape().options.kvHeads;
}

/** storeAppend(...write arguments, until | undefined, previousUntil | undefined) */
napi_value StoreAppend(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const WriteArguments write = writeArguments(args);
  const Span<int32_t> until = args.ok() && args.has(9) ? args.ints(9) : Span<int32_t>{};
  const Span<int32_t> previous = args.ok() && args.has(10) ? args.ints(10) : Span<int32_t>{};
  if (!args.ok()) return nullptr;
  const bool hasColumn = write.store->shape().options.untilColumn != noColumn;
  args.require((until.data == nullptr && previous.data == nullptr) || hasColumn, "this store has no column 'until'");
  args.require(until.data == nullptr || until.length >= stepNumbers(write), "until does not fit the step");
  args.require(previous.data == nullptr || previous.length >= stepNumbers(write) / write.call.step.tokens,
               "previousUntil does not fit the step");
  if (!args.ok()) return nullptr;
  const WriteCall call = write.call;
  const auto append = [=](Store& store) { return writeAppend(store, call, until.data, previous.data); };
  args.require(performOn(write.slot, call.step, append), "out of memory");
  return nullptr;
}

/** storeMerge(...write arguments, merge, omega) */
napi_value StoreMerge(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const WriteArguments write = writeArguments(args);
  const Span<float> merge = args.floats(9), omega = args.floats(10);
  if (!args.ok()) return nullptr;
  args.require(write.store->shape().options.merges, "this store does not merge");
  args.require(merge.length >= stepNumbers(write) && omega.length >= stepNumbers(write), "decisions do not fit the step");
  if (!args.ok()) return nullptr;
  const WriteCall call = write.call;
  const auto join = [=](Store& store) { return writeMerge(store, call, merge.data, omega.data); };
  args.require(performOn(write.slot, call.step, join), "out of memory");
  return nullptr;
}

/** storeOverwrite(...write arguments, slots) */
napi_value StoreOverwrite(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const WriteArguments write = writeArguments(args);
  const Span<int32_t> slots = args.ints(9);
  if (!args.ok()) return nullptr;
  args.require(slots.length >= stepNumbers(write), "slots do not fit the step");
  if (!args.ok()) return nullptr;
  args.require(writeOverwrite(*write.store, write.call, slots.data), "out of memory");
  return nullptr;
}

/** storeFinish(store) */
napi_value StoreFinish(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Store* store = storeArgument(args, 0);
  if (!args.ok()) return nullptr;
  args.require(!store->overwriting || settleOverwrites(*store), "out of memory");
  store->endStep();
  return nullptr;
}

/** Rows up to which a recording keeps the numbers of a drop. */
constexpr int64_t mostRecordedRows = 64;

struct RowNumbers {
  int32_t of[mostRecordedRows];
};

/** storeDropRange(store, step, tokens, from, Int32Array keepLast of each row) */
napi_value StoreDropRange(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Store* store = storeArgument(args, 0);
  if (!args.ok()) return nullptr;
  const Step step = stepArguments(args, 1, store);
  const int64_t from = args.size(3);
  const Span<int32_t> keepLast = args.ints(4);
  if (!args.ok()) return nullptr;
  bool valid = keepLast.length >= step.rowCount;
  for (int64_t i = 0; i < keepLast.length; i++) valid = valid && keepLast.data[i] >= 0;
  args.require(valid, "keepLast must have a number for each row");
  if (!args.ok()) return nullptr;
  if (step.rowCount > mostRecordedRows) {
    args.require(dropRange(*store, step, from, keepLast.data), "out of memory");
    return nullptr;
  }
  RowNumbers keep;
  for (int64_t i = 0; i < step.rowCount; i++) keep.of[i] = keepLast.data[i];
  const auto drop = [=](Store& held) { return dropRange(held, step, from, keep.of); };
  args.require(performOn(storeSlotArgument(args, 0), step, drop), "out of memory");
  return nullptr;
}

/** Scores in a Float32Array at `index` or an Int32Array at `index + 1`, and slots at `index + 2`. */
Scores scoreArguments(Args& args, int index, const Store& store, const Step& step) {
  const Span<float> floats = args.optionalFloats(index);
  const Span<int32_t> ints = args.ok() && args.has(index + 1) ? args.ints(index + 1) : Span<int32_t>{};
  const int64_t slots = args.size(index + 2);
  const int64_t length = floats.data != nullptr ? floats.length : ints.length;
  args.require(rowsFit(length, step.rowCount * store.shape().options.kvHeads, slots), "scores do not fit the step");
  // with no slots there is nothing to read, and an empty array may have no address
  return {floats.data, ints.data, floats.data == nullptr && ints.data == nullptr ? 0 : slots};
}

/** storeDropBelow(store, step, tokens, floats | undefined, ints | undefined, slots, threshold) */
napi_value StoreDropBelow(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Store* store = storeArgument(args, 0);
  if (!args.ok()) return nullptr;
  const Step step = stepArguments(args, 1, store);
  if (!args.ok()) return nullptr;
  const Scores scores = scoreArguments(args, 3, *store, step);
  const double threshold = args.number(6);
  if (!args.ok()) return nullptr;
  args.require(dropBelow(*store, step, scores, threshold), "out of memory");
  return nullptr;
}

/** storeDropLowest(store, step, tokens, floats | undefined, ints | undefined, slots, Int32Array keep, overRow) */
napi_value StoreDropLowest(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Store* store = storeArgument(args, 0);
  if (!args.ok()) return nullptr;
  const Step step = stepArguments(args, 1, store);
  if (!args.ok()) return nullptr;
  const Scores scores = scoreArguments(args, 3, *store, step);
  const Span<int32_t> keep = args.ints(6);
  const bool overRow = args.flag(7);
  if (!args.ok()) return nullptr;
  bool valid = keep.length >= step.rowCount;
  for (int64_t i = 0; i < keep.length; i++) valid = valid && keep.data[i] >= 0;
  args.require(valid, "keep must have a number for each row");
  if (!args.ok()) return nullptr;
  args.require(dropLowest(*store, step, scores, keep.data, overRow), "out of memory");
  return nullptr;
}

/** How queries are turned. */
struct QueryRotation {
  const float* q;
  const float* cos;
  const float* sin;
  int64_t half;
  /** Channel that queries lose; below 0: none. */
  int64_t blank;
  bool firstOnly;
};

void turnQueries(const StoreShape& shape, const Step& step, const QueryRotation& by, float* turned) {
  const auto turn = kernels().entries->turn;
  const int64_t headDim = shape.options.headDim, heads = shape.options.queryHeads;
  for (int64_t head = 0; head < step.rowCount * heads; head++) {
    const bool loses = !by.firstOnly || head % shape.group == 0;
    for (int64_t t = 0; t < step.tokens; t++) {
      const int64_t at = (head * step.tokens + t) * headDim, angle = (head / heads * step.tokens + t) * by.half;
      turn(by.q + at, by.cos == nullptr ? nullptr : by.cos + angle, by.sin == nullptr ? nullptr : by.sin + angle, by.half,
           headDim, headDim, loses ? by.blank : -1, turned + at);
    }
  }
}

/**
 * storeAttend(store, step, tokens, q, cos | undefined, sin | undefined, half, blank, blankFirstOnly, scale, window, sinks,
 * recent, massQueries, turned, out, mass | undefined, massSlots, readCos | undefined, readSin | undefined, positions,
 * readHalf, readBlank, bySlot): `turned` takes the rotated queries; window and recent from 2^31 on are no limit.
 */
napi_value StoreAttend(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Store* store = storeArgument(args, 0);
  if (!args.ok()) return nullptr;
  AttendCall call = {};
  call.step = stepArguments(args, 1, store);
  const Span<float> q = args.floats(3), cos = args.optionalFloats(4), sin = args.optionalFloats(5);
  const int64_t half = args.size(6);
  const double blank = args.number(7);
  const bool firstOnly = args.flag(8);
  call.scale = static_cast<float>(args.number(9));
  call.window = args.size(10);
  call.sinks = args.size(11);
  call.recent = args.size(12);
  call.massQueries = args.size(13);
  call.window = call.window < noLimit ? call.window : noLimit;
  call.recent = call.recent < noLimit ? call.recent : noLimit;
  const Span<float> turned = args.floats(14), out = args.floats(15), mass = args.optionalFloats(16);
  call.massSlots = args.size(17);
  const Span<float> readCos = args.optionalFloats(18), readSin = args.optionalFloats(19);
  const int64_t positions = args.size(20), readHalf = args.size(21);
  const double readBlank = args.number(22);
  call.reading = {readCos.data, readSin.data, positions, readHalf, static_cast<int64_t>(readBlank), args.flag(23)};
  if (!args.ok()) return nullptr;
  const StoreOptions& options = store->shape().options;
  const int64_t headDim = options.headDim, tokens = call.step.rowCount * call.step.tokens;
  const double channels = static_cast<double>(headDim);
  args.require(rowsFit(q.length, tokens, options.queryHeads * headDim) && rowsFit(turned.length, tokens, options.queryHeads * headDim) &&
                   rowsFit(out.length, tokens, options.queryHeads * headDim),
               "q or out does not fit the step");
  args.require(cos.data == nullptr || (sin.data != nullptr && 2 * half <= headDim && rowsFit(cos.length, tokens, half) &&
                                       rowsFit(sin.length, tokens, half)),
               "the angles do not fit the step");
  args.require(readCos.data == nullptr || (readSin.data != nullptr && 2 * readHalf <= headDim &&
                                           rowsFit(readCos.length, positions, readHalf) && rowsFit(readSin.length, positions, readHalf)),
               "the angles of keys do not fit");
  args.require(blank >= -1 && blank < channels && readBlank >= -1 && readBlank < channels, "there is no such channel");
  const int64_t lanes = call.step.rowCount * options.kvHeads;
  args.require(mass.data == nullptr || (rowsFit(mass.length, lanes, call.massSlots) && call.massSlots >= longestLane(*store, call.step)),
               "mass does not fit the lanes");
  if (!args.ok()) return nullptr;
  args.require(call.step.tokens == 1 || (store->steps != nullptr &&
                                         (store->own.size() == 0 ||
                                          store->own.size() == lanes * call.step.tokens * 2 * store->shape().dims)),
               "attention to several tokens must follow their write");
  if (!args.ok()) return nullptr;
  call.q = turned.data;
  call.out = out.data;
  call.mass = mass.data;
  for (int64_t i = 0; mass.data != nullptr && i < lanes * call.massSlots; i++) mass.data[i] = 0;
  const QueryRotation turning = {q.data, cos.data, sin.data, half, static_cast<int64_t>(blank), firstOnly};
  float* into = turned.data;
  const auto run = [=](Store& held) {
    turnQueries(held.shape(), call.step, turning, into);
    return attend(held, call);
  };
  // angles of keys and the size of the mass change from step to step, so these are not recorded
  const bool steady = mass.data == nullptr && readCos.data == nullptr && call.step.tokens == 1;
  args.require(steady ? performOn(storeSlotArgument(args, 0), call.step, run) : run(*store), "out of memory");
  return nullptr;
}

/** storeColumn(store, step, tokens, column, slots, Int32Array out): bits of the numbers */
napi_value StoreColumn(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Store* store = storeArgument(args, 0);
  if (!args.ok()) return nullptr;
  const Step step = stepArguments(args, 1, store);
  const int64_t column = args.size(3), slots = args.size(4);
  const Span<int32_t> out = args.ints(5);
  if (!args.ok()) return nullptr;
  args.require(column < store->shape().options.columns, "there is no such column");
  args.require(slots >= longestLane(*store, step) && rowsFit(out.length, step.rowCount * store->shape().options.kvHeads, slots),
               "the column does not fit");
  if (args.ok()) readColumn(*store, step, column, slots, out.data);
  return nullptr;
}

/** storeSetColumn(store, step, tokens, column, slots, Int32Array values) */
napi_value StoreSetColumn(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Store* store = storeArgument(args, 0);
  if (!args.ok()) return nullptr;
  const Step step = stepArguments(args, 1, store);
  const int64_t column = args.size(3), slots = args.size(4);
  const Span<int32_t> values = args.ints(5);
  if (!args.ok()) return nullptr;
  args.require(column < store->shape().options.columns, "there is no such column");
  args.require(slots >= longestLane(*store, step) && rowsFit(values.length, step.rowCount * store->shape().options.kvHeads, slots),
               "the column does not fit");
  if (!args.ok()) return nullptr;
  args.require(writeColumn(*store, step, column, slots, values.data), "out of memory");
  return nullptr;
}

/** storeEntries(store, step, tokens, values: boolean, slots, out) */
napi_value StoreEntriesOf(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Store* store = storeArgument(args, 0);
  if (!args.ok()) return nullptr;
  const Step step = stepArguments(args, 1, store);
  const bool values = args.flag(3);
  const int64_t slots = args.size(4);
  const Span<float> out = args.floats(5);
  if (!args.ok()) return nullptr;
  const StoreOptions& options = store->shape().options;
  args.require(slots >= longestLane(*store, step) && rowsFit(out.length, step.rowCount * options.kvHeads, slots * options.headDim),
               "the entries do not fit");
  if (args.ok()) readEntries(*store, step, values, slots, out.data);
  return nullptr;
}

const EntryPoint entries[] = {
    {"storeAppend", StoreAppend},       {"storeMerge", StoreMerge},         {"storeOverwrite", StoreOverwrite},
    {"storeFinish", StoreFinish},       {"storeDropRange", StoreDropRange}, {"storeDropBelow", StoreDropBelow},
    {"storeDropLowest", StoreDropLowest}, {"storeAttend", StoreAttend},     {"storeColumn", StoreColumn},
    {"storeSetColumn", StoreSetColumn}, {"storeEntries", StoreEntriesOf},
};

}  // namespace

extern const EntryTable storeStepEntries;
const EntryTable storeStepEntries = entryTable(entries);

}  // namespace kvfold
