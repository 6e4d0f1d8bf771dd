#include "blas.h"

#include <dlfcn.h>
#include <pthread.h>

#include <cstdio>
#include <cstring>
#include <initializer_list>

namespace kvfold::blas {

namespace {

struct Opened {
  char path[512];
  Library calls;
};
constexpr int maximumOpened = 4;
Opened opened[maximumOpened];
int openedCount = 0;
pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/** The table of the library's functions; the name of the first one that it lacks, or null. */
const char* resolve(void* handle, Library& library) {
  library.GetVersion = reinterpret_cast<size_t (*)()>(dlsym(handle, "cublasLtGetVersion"));
  if (library.GetVersion == nullptr) return "cublasLtGetVersion";
#define KVFOLD_BLAS_RESOLVE(name, parameters)                                                \
  library.name = reinterpret_cast<decltype(library.name)>(dlsym(handle, "cublasLt" #name)); \
  if (library.name == nullptr) return "cublasLt" #name;
  KVFOLD_BLAS_CALLS(KVFOLD_BLAS_RESOLVE)
#undef KVFOLD_BLAS_RESOLVE
  return nullptr;
}

const Library* open(const char* path, char* detail, size_t detailBytes) {
  for (int i = 0; i < openedCount; i++) {
    if (strcmp(opened[i].path, path) == 0) return &opened[i].calls;
  }
  if (openedCount == maximumOpened || strlen(path) >= sizeof opened[0].path) {
    snprintf(detail, detailBytes, "too many libraries, or too long a path");
    return nullptr;
  }
  void* handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* message = dlerror();
    snprintf(detail, detailBytes, "%s", message == nullptr ? "cannot be opened" : message);
    return nullptr;
  }
  Opened& entry = opened[openedCount];
  if (const char* missing = resolve(handle, entry.calls); missing != nullptr) {
    snprintf(detail, detailBytes, "it has no %s", missing);
    dlclose(handle);
    return nullptr;
  }
  snprintf(entry.path, sizeof entry.path, "%s", path);
  openedCount++;
  return &entry.calls;
}

/** Calls the library unless an earlier call failed; notes the first failure. */
#define KVFOLD_BLAS(failure, name, ...)                      \
  do {                                                       \
    if (!(failure).failed()) {                               \
      (failure).status = library.name(__VA_ARGS__);          \
      if ((failure).failed()) (failure).call = "cublasLt" #name; \
    }                                                        \
  } while (false)

Failure makeLayout(const Library& library, Layout* layout, int type, int64_t rows, int64_t columns, int64_t stride, int32_t batch,
                   int64_t batchStride) {
  Failure failure;
  KVFOLD_BLAS(failure, MatrixLayoutCreate, layout, type, static_cast<uint64_t>(rows), static_cast<uint64_t>(columns), stride);
  KVFOLD_BLAS(failure, MatrixLayoutSetAttribute, *layout, layoutBatch, &batch, sizeof batch);
  KVFOLD_BLAS(failure, MatrixLayoutSetAttribute, *layout, layoutBatchStride, &batchStride, sizeof batchStride);
  return failure;
}

/**
 * The library counts columns first, so a row-major matrix is the transposed one to it, and `out^T = b^T a^T`: its first side
 * is our second.
 */
Failure describe(const Library& library, const Product& product, Plan& plan) {
  Failure failure;
  const int32_t first = product.transposeB ? 1 : 0, second = product.transposeA ? 1 : 0;
  KVFOLD_BLAS(failure, MatmulDescCreate, &plan.desc, computeFloat, typeFloat);
  KVFOLD_BLAS(failure, MatmulDescSetAttribute, plan.desc, descTransposeA, &first, sizeof first);
  KVFOLD_BLAS(failure, MatmulDescSetAttribute, plan.desc, descTransposeB, &second, sizeof second);
  const auto layout = [&](Layout* made, int type, int64_t rows, int64_t columns, int64_t stride, int64_t batchStride) {
    if (!failure.failed()) failure = makeLayout(library, made, type, columns, rows, stride, product.batch, batchStride);
  };
  const auto& [type, m, n, k, transposeA, transposeB, strideA, strideB, batch, batchA, batchB] = product;
  layout(&plan.b, type, transposeB ? n : k, transposeB ? k : n, strideB, batchB);
  layout(&plan.a, type, transposeA ? k : m, transposeA ? m : k, strideA, batchA);
  layout(&plan.out, typeFloat, m, n, n, m * n);
  return failure;
}

}  // namespace

const Library* load(const char* path, char* detail, size_t detailBytes) {
  pthread_mutex_lock(&lock);
  const Library* library = open(path, detail, detailBytes);
  pthread_mutex_unlock(&lock);
  return library;
}

Failure makePlan(const Library& library, Handle handle, const Product& product, size_t workspaceBytes, Plan& plan, bool& found) {
  Failure failure = describe(library, product, plan);
  Preference preference = nullptr;
  int count = 0;
  KVFOLD_BLAS(failure, MatmulPreferenceCreate, &preference);
  KVFOLD_BLAS(failure, MatmulPreferenceSetAttribute, preference, preferenceWorkspace, &workspaceBytes, sizeof workspaceBytes);
  KVFOLD_BLAS(failure, MatmulAlgoGetHeuristic, handle, plan.desc, plan.b, plan.a, plan.out, plan.out, preference, 1, &plan.choice,
              &count);
  if (preference != nullptr) library.MatmulPreferenceDestroy(preference);
  if (failure.status == notSupported) failure = {};
  found = !failure.failed() && count > 0 && plan.choice.state == ok;
  if (!found) destroyPlan(library, plan);
  return failure;
}

void destroyPlan(const Library& library, Plan& plan) {
  if (plan.desc != nullptr) library.MatmulDescDestroy(plan.desc);
  for (Layout layout : {plan.a, plan.b, plan.out}) {
    if (layout != nullptr) library.MatrixLayoutDestroy(layout);
  }
  plan = {};
}

}  // namespace kvfold::blas
