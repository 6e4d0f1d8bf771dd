// Entry points of kernels that only training needs.
#include "../entry-point.h"
#include "../napi-args.h"
#include "../training/column-attention.h"
#include "../training/dmc-pool.h"

namespace kvfold {
namespace {

constexpr int64_t mostNumbers = int64_t{1} << 40;
constexpr int columnArgs = 13;

/** The first `columnArgs` arguments: q, k, v, bias | undefined, starts | undefined, rows, kvHeads, group, tokens, headDim, scale, window, biasDelay. */
ColumnAttention columnAttentionOf(Args& args) {
  const Span<float> q = args.floats(0), k = args.floats(1), v = args.floats(2), bias = args.optionalFloats(3);
  const Span<int32_t> starts = args.has(4) ? args.ints(4) : Span<int32_t>();
  ColumnAttention call;
  call.q = q.data;
  call.k = k.data;
  call.v = v.data;
  call.bias = bias.data;
  call.starts = starts.data;
  call.rows = args.size(5);
  call.kvHeads = args.size(6);
  call.group = args.size(7);
  call.tokens = args.size(8);
  call.headDim = args.size(9);
  call.scale = static_cast<float>(args.number(10));
  call.window = args.size(11);
  call.biasDelay = args.size(12);
  // each size is bounded by an array that has it, so that the products stay in range
  args.require(rowsFit(k.length, call.rows, call.kvHeads) && rowsFit(k.length, call.rows * call.kvHeads, call.tokens) &&
                   rowsFit(k.length, call.rows * call.kvHeads * call.tokens, call.headDim) && v.length >= k.length,
               "k or v does not fit its array");
  if (!args.ok()) return call;
  const int64_t lanes = call.rows * call.kvHeads;
  args.require(rowsFit(q.length, lanes, call.group) && rowsFit(q.length, lanes * call.group, call.tokens) &&
                   rowsFit(q.length, lanes * call.group * call.tokens, call.headDim),
               "q does not fit its array");
  args.require((bias.data == nullptr || rowsFit(bias.length, lanes, call.tokens)) &&
                   (starts.data == nullptr || rowsFit(starts.length, call.rows, call.tokens)),
               "bias or starts does not fit its array");
  args.require(call.tokens < int64_t{1} << 31, "there are too many tokens");
  args.require(call.window >= 1 && call.window <= mostNumbers && call.biasDelay <= mostNumbers,
               "window and biasDelay must be in range");
  return call;
}

/** Numbers of the queries, and queries. */
bool fitsQueries(const ColumnAttention& call, int64_t numbers, int64_t queries) {
  const int64_t count = call.rows * call.kvHeads * call.group * call.tokens;
  return rowsFit(numbers, count, call.headDim) && count <= queries;
}

bool isEmpty(const ColumnAttention& call) { return call.rows * call.kvHeads * call.group * call.tokens * call.headDim == 0; }

/** columnAttention(...columnArgs, out, lse) */
napi_value ColumnAttentionEntry(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const ColumnAttention call = columnAttentionOf(args);
  const Span<float> out = args.floats(columnArgs), lse = args.floats(columnArgs + 1);
  if (!args.ok()) return nullptr;
  args.require(fitsQueries(call, out.length, lse.length), "out or lse does not fit its array");
  if (!args.ok() || isEmpty(call)) return nullptr;
  args.require(columnAttention(call, out.data, lse.data), "out of memory");
  return nullptr;
}

/** columnAttentionGradient(...columnArgs, out, lse, dOut, dLse, dq, dk, dv, dBias | undefined) */
napi_value ColumnAttentionGradientEntry(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const ColumnAttention call = columnAttentionOf(args);
  const Span<float> out = args.floats(columnArgs), lse = args.floats(columnArgs + 1), dOut = args.floats(columnArgs + 2);
  const Span<float> dLse = args.floats(columnArgs + 3), dq = args.floats(columnArgs + 4), dk = args.floats(columnArgs + 5);
  const Span<float> dv = args.floats(columnArgs + 6), dBias = args.optionalFloats(columnArgs + 7);
  if (!args.ok()) return nullptr;
  const int64_t lanes = call.rows * call.kvHeads;
  args.require(fitsQueries(call, out.length, lse.length) && fitsQueries(call, dOut.length, dLse.length) &&
                   fitsQueries(call, dq.length, lse.length),
               "out, lse, dOut, dLse or dq does not fit its array");
  args.require(rowsFit(dk.length, lanes * call.tokens, call.headDim) && rowsFit(dv.length, lanes * call.tokens, call.headDim) &&
                   (dBias.data == nullptr || (call.bias != nullptr && rowsFit(dBias.length, lanes, call.tokens))),
               "dk, dv or dBias does not fit its array");
  if (!args.ok() || isEmpty(call)) return nullptr;
  const bool done =
      columnAttentionGradient(call, {out.data, lse.data, dOut.data, dLse.data, dq.data, dk.data, dv.data, dBias.data});
  args.require(done, "out of memory");
  return nullptr;
}

constexpr int poolArgs = 7;

/** The first `poolArgs` arguments: items, alpha, omega, lanes, tokens, dim, window. */
DmcPoolTask dmcPoolOf(Args& args) {
  const Span<float> items = args.floats(0), alpha = args.floats(1), omega = args.floats(2);
  const int64_t lanes = args.size(3), tokens = args.size(4), dim = args.size(5), window = args.size(6);
  args.require(rowsFit(alpha.length, lanes, tokens) && rowsFit(omega.length, lanes, tokens) &&
                   rowsFit(items.length, lanes * tokens, dim),
               "items, alpha or omega does not fit its array");
  args.require(window >= 1, "window must be at least 1");
  return {items.data, alpha.data, omega.data, tokens, dim, window};
}

/** dmcPool(...poolArgs, pooled, z) */
napi_value DmcPoolEntry(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const DmcPoolTask task = dmcPoolOf(args);
  const int64_t lanes = args.size(3);
  const Span<float> pooled = args.floats(poolArgs), z = args.floats(poolArgs + 1);
  if (!args.ok()) return nullptr;
  args.require(rowsFit(pooled.length, lanes * task.tokens, task.dim) && rowsFit(z.length, lanes, task.tokens),
               "pooled or z does not fit its array");
  if (!args.ok() || lanes * task.tokens == 0) return nullptr;
  args.require(dmcPool(task, lanes, pooled.data, z.data), "out of memory");
  return nullptr;
}

/** dmcPoolGradient(...poolArgs, dPooled, dZ, dItems, dAlpha, dOmega) */
napi_value DmcPoolGradientEntry(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const DmcPoolTask task = dmcPoolOf(args);
  const int64_t lanes = args.size(3);
  const Span<float> dPooled = args.floats(poolArgs), dZ = args.floats(poolArgs + 1), dItems = args.floats(poolArgs + 2);
  const Span<float> dAlpha = args.floats(poolArgs + 3), dOmega = args.floats(poolArgs + 4);
  if (!args.ok()) return nullptr;
  const int64_t count = lanes * task.tokens;
  args.require(rowsFit(dPooled.length, count, task.dim) && rowsFit(dItems.length, count, task.dim) && count <= dZ.length &&
                   count <= dAlpha.length && count <= dOmega.length,
               "a gradient does not fit its array");
  if (!args.ok() || count == 0) return nullptr;
  const DmcPoolPull pull = {dPooled.data, dZ.data, dItems.data, dAlpha.data, dOmega.data};
  args.require(dmcPoolGradient(task, lanes, pull), "out of memory");
  return nullptr;
}

const EntryPoint entries[] = {
    {"columnAttention", ColumnAttentionEntry},
    {"columnAttentionGradient", ColumnAttentionGradientEntry},
    {"dmcPool", DmcPoolEntry},
    {"dmcPoolGradient", DmcPoolGradientEntry},
};

}  // namespace

extern const EntryTable trainingEntries;
const EntryTable trainingEntries = entryTable(entries);

}  // namespace kvfold
