// Products by cuBLASLt, where it is present.
#include <cstdio>
#include <cstdlib>
#include <new>

#include "../entry-point.h"
#include "../napi-args.h"

namespace kvfold {

namespace {

/** Throws an error with the properties `call` and `status` when a call of the library failed. */
void checkBlas(napi_env env, const blas::Failure& failure) {
  if (!failure.failed()) return;
  char text[128];
  snprintf(text, sizeof text, "%s answered %d", failure.call, failure.status);
  napi_value error = nullptr;
  if (napi_create_error(env, nullptr, toText(env, text), &error) != napi_ok) return;
  setText(env, error, "blasCall", failure.call);
  setNumber(env, error, "status", failure.status);
  napi_throw(env, error);
}

/** openBlas(path): { version } of the library, or { detail } that says why it is of no use. */
napi_value OpenBlas(napi_env env, napi_callback_info info) {
  Args args(env, info);
  char path[512];
  args.text(0, path, sizeof path);
  napi_value result;
  if (!args.ok() || napi_create_object(env, &result) != napi_ok) return nullptr;
  char detail[512] = {};
  const blas::Library* library = blas::load(path, detail, sizeof detail);
  if (library == nullptr) setText(env, result, "detail", detail);
  else setNumber(env, result, "version", static_cast<double>(library->GetVersion()));
  return result;
}

/** blasUse(engine, path): the engine's products may be made by the library. */
napi_value BlasUse(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Engine* engine = args.engine(0);
  char path[512];
  args.text(1, path, sizeof path);
  if (!args.ok()) return nullptr;
  char detail[512] = {};
  const blas::Library* library = blas::load(path, detail, sizeof detail);
  args.require(library != nullptr, detail);
  args.require(engine->blasHandle == nullptr, "the engine has a library already");
  if (!args.ok()) return nullptr;
  blas::Failure failure;
  failure.status = library->Create(&engine->blasHandle);
  failure.call = "cublasLtCreate";
  if (failure.failed()) engine->blasHandle = nullptr;
  else engine->blas = library;
  checkBlas(env, failure);
  return nullptr;
}

/**
 * blasPlan(engine, type, m, n, k, transposeA, transposeB, strideA, strideB, batch, batchA, batchB, workspaceBytes):
 * { plan, workspaceBytes }, or undefined when the library has no way to make this product.
 */
napi_value BlasPlan(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Engine* engine = args.engine(0);
  blas::Product product = {};
  product.type = args.size(1) == 0 ? blas::typeFloat : blas::typeBf16;
  product.m = args.size(2);
  product.n = args.size(3);
  product.k = args.size(4);
  product.transposeA = args.size(5) != 0;
  product.transposeB = args.size(6) != 0;
  product.strideA = args.size(7);
  product.strideB = args.size(8);
  product.batch = static_cast<int32_t>(args.size(9, INT32_MAX));
  product.batchA = args.size(10);
  product.batchB = args.size(11);
  const size_t workspace = static_cast<size_t>(args.size(12));
  if (!args.ok()) return nullptr;
  args.require(engine->blas != nullptr, "the engine has no library for products");
  void* memory = args.ok() ? malloc(sizeof(blas::Plan)) : nullptr;
  args.require(memory != nullptr, "no memory for a plan");
  if (!args.ok()) return nullptr;
  blas::Plan* plan = new (memory) blas::Plan();
  bool found = false;
  const blas::Failure failure = blas::makePlan(*engine->blas, engine->blasHandle, product, workspace, *plan, found);
  const int64_t place = found ? engine->blasPlans.add(plan) : -1;
  if (place < 0) {
    if (found) blas::destroyPlan(*engine->blas, *plan);
    free(memory);
    checkBlas(env, failure);
    return nullptr;
  }
  napi_value result;
  if (napi_create_object(env, &result) != napi_ok) return nullptr;
  setNumber(env, result, "plan", static_cast<double>(place));
  setNumber(env, result, "workspaceBytes", static_cast<double>(plan->choice.workspaceBytes));
  return result;
}

/** blasRun(engine, plan, a, b, out, workspace): addresses; workspace of the plan's bytes. */
napi_value BlasRun(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Engine* engine = args.engine(0);
  const int64_t place = args.size(1);
  cuda::Address addresses[4];
  for (int i = 0; i < 4; i++) addresses[i] = args.address(2 + i);
  if (!args.ok()) return nullptr;
  blas::Plan* plan = engine->blasPlans.at(place);
  args.require(plan != nullptr, "there is no such plan");
  if (!args.ok()) return nullptr;
  const auto pointer = [&](int i) { return reinterpret_cast<void*>(addresses[i]); };
  const float one = 1, zero = 0;
  blas::Failure failure;
  failure.call = "cublasLtMatmul";
  failure.status = engine->blas->Matmul(engine->blasHandle, plan->desc, &one, pointer(1), plan->b, pointer(0), plan->a, &zero,
                                        pointer(2), plan->out, pointer(2), plan->out, &plan->choice.algorithm, pointer(3),
                                        plan->choice.workspaceBytes, engine->stream);
  checkBlas(env, failure);
  return nullptr;
}

constexpr EntryPoint entries[] = {{"openBlas", OpenBlas}, {"blasUse", BlasUse}, {"blasPlan", BlasPlan}, {"blasRun", BlasRun}};

}  // namespace

extern const EntryTable blasEntries;
const EntryTable blasEntries = entryTable(entries);

}  // namespace kvfold
