// What the kernels' headers say about launches and layouts, so that TypeScript does not say it again.
#include "../../kernels/args/decode-attention.h"
#include "../../kernels/args/gemm.h"
#include "../../kernels/args/packed-linear.h"
#include "../../kernels/args/prefill-attention.h"
#include "../../kernels/args/rms-norm.h"
#include "../entry-point.h"
#include "../napi-args.h"

namespace kvfold {

namespace {

/** planGemm(m, n, k, batch, multiprocessors): tile, grid, block and scratch memory of `kvfold_gemm_*`. */
napi_value PlanGemm(napi_env env, napi_callback_info info) {
  Args args(env, info);
  int32_t sizes[5];
  for (int i = 0; i < 5; i++) sizes[i] = static_cast<int32_t>(args.size(i, INT32_MAX));
  napi_value result;
  if (!args.ok() || napi_create_object(env, &result) != napi_ok) return nullptr;
  const GemmPlan plan = planGemm(sizes[0], sizes[1], sizes[2], sizes[3], sizes[4]);
  setText(env, result, "tile", plan.large ? "large" : "small");
  setNumber(env, result, "tiles", plan.tiles);
  setNumber(env, result, "splits", plan.splits);
  setNumber(env, result, "block", plan.block);
  setNumber(env, result, "sharedBytes", plan.sharedBytes);
  setNumber(env, result, "partialFloats", static_cast<double>(gemmPartialFloats(plan, sizes[3])));
  return result;
}

/** planDecodeAttention(codec, dims, lanes, passes, multiprocessors, sharedPerBlock, sharedPerMultiprocessor) */
napi_value PlanDecodeAttention(napi_env env, napi_callback_info info) {
  Args args(env, info);
  int32_t values[7];
  for (int i = 0; i < 7; i++) values[i] = static_cast<int32_t>(args.size(i, INT32_MAX));
  args.require(values[0] < entryCodecCount && paddedHead(values[1]) == values[1], "no such codec or size of heads");
  napi_value result;
  if (!args.ok() || napi_create_object(env, &result) != napi_ok) return nullptr;
  const EntryCodec codec = static_cast<EntryCodec>(values[0]);
  const DecodeAttentionPlan plan = planDecodeAttention(codec, values[1], {values[4], values[5], values[6]});
  setNumber(env, result, "grid", plan.grid);
  setNumber(env, result, "block", plan.block);
  setNumber(env, result, "sharedBytes", plan.sharedBytes);
  setNumber(env, result, "warps", plan.warps);
  setNumber(env, result, "mergeGrid", plan.mergeGrid);
  const uint64_t floats = decodePartialFloats(plan, codec, values[1], static_cast<uint64_t>(values[2]), values[3]);
  setNumber(env, result, "partialFloats", static_cast<double>(floats));
  return result;
}

/** blockParts(format): where the parts of a packed block lie: { values, bytes, parts: [offset, bytes, ...] }. */
napi_value BlockPartsOf(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const int32_t format = static_cast<int32_t>(args.size(0, weightFormatCount - 1));
  napi_value result;
  napi_value list;
  if (!args.ok() || napi_create_object(env, &result) != napi_ok || napi_create_array(env, &list) != napi_ok) return nullptr;
  const BlockParts parts = blockParts(static_cast<WeightFormat>(format));
  setNumber(env, result, "values", parts.values);
  setNumber(env, result, "bytes", parts.bytes);
  for (int32_t i = 0; i < parts.parts; i++) {
    napi_set_element(env, list, static_cast<uint32_t>(2 * i), toNumber(env, parts.part[i].offset));
    napi_set_element(env, list, static_cast<uint32_t>(2 * i + 1), toNumber(env, parts.part[i].bytes));
  }
  napi_set_named_property(env, result, "parts", list);
  return result;
}

/** planRmsNorm(rows, dim): threads of a block, and stretches of the weight's gradient. */
napi_value PlanRmsNorm(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const int32_t rows = static_cast<int32_t>(args.size(0, INT32_MAX));
  const int32_t dim = static_cast<int32_t>(args.size(1, INT32_MAX));
  napi_value result;
  if (!args.ok() || napi_create_object(env, &result) != napi_ok) return nullptr;
  setNumber(env, result, "threads", rmsNormThreads(dim));
  setNumber(env, result, "stretches", planWeightGradient(rows));
  return result;
}

/** entryLayout(codec, headDim, pageSlots, columns, positionColumn, untilColumn, ringRows): the struct's numbers, in order. */
napi_value EntryLayoutOf(napi_env env, napi_callback_info info) {
  Args args(env, info);
  int32_t values[7];
  for (int i = 0; i < 7; i++) values[i] = static_cast<int32_t>(args.number(i));
  args.require(values[0] >= 0 && values[0] < entryCodecCount && values[1] > 0 && values[2] > 0 && values[3] >= 0 && values[6] >= 0,
               "no such layout of entries");
  napi_value list;
  if (!args.ok() || napi_create_array(env, &list) != napi_ok) return nullptr;
  const EntryLayout layout = entryLayout(static_cast<EntryCodec>(values[0]), values[1], values[2], values[3], values[4], values[5], values[6]);
  constexpr uint32_t count = sizeof layout / sizeof(int32_t);
  for (uint32_t i = 0; i < count; i++) napi_set_element(env, list, i, toNumber(env, reinterpret_cast<const int32_t*>(&layout)[i]));
  return list;
}

/** planPrefill(codec, dims): queries of a block and its shared memory. */
napi_value PlanPrefill(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const int32_t codec = static_cast<int32_t>(args.size(0, entryCodecCount - 1));
  const int32_t dims = static_cast<int32_t>(args.size(1, 256));
  napi_value result;
  if (!args.ok() || napi_create_object(env, &result) != napi_ok) return nullptr;
  setNumber(env, result, "rows", prefillRows(dims));
  setNumber(env, result, "sharedBytes", prefillSharedBytes(static_cast<EntryCodec>(codec), dims));
  return result;
}

/** headPasses(codec, group): how often decode attention reads a lane for so many query heads. */
napi_value HeadPasses(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const int32_t codec = static_cast<int32_t>(args.size(0, entryCodecCount - 1));
  const int32_t group = static_cast<int32_t>(args.size(1, 1 << 16));
  return args.ok() ? toNumber(env, headPasses(static_cast<EntryCodec>(codec), group)) : nullptr;
}

constexpr EntryPoint entries[] = {{"planGemm", PlanGemm},
                                  {"planDecodeAttention", PlanDecodeAttention},
                                  {"entryLayout", EntryLayoutOf},
                                  {"planPrefill", PlanPrefill},
                                  {"headPasses", HeadPasses},
                                  {"blockParts", BlockPartsOf},
                                  {"planRmsNorm", PlanRmsNorm}};

}  // namespace

extern const EntryTable planEntries;
const EntryTable planEntries = entryTable(entries);

}  // namespace kvfold
