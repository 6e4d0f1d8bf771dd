// cuBLASLt, loaded once where it is present, and products that it was asked how to make.
#pragma once
#include "blas-calls.h"

namespace kvfold::blas {

/** The library's functions; every member is set. */
struct Library {
  size_t (*GetVersion)() = nullptr;
#define KVFOLD_BLAS_MEMBER(name, parameters) Status(*name) parameters = nullptr;
  KVFOLD_BLAS_CALLS(KVFOLD_BLAS_MEMBER)
#undef KVFOLD_BLAS_MEMBER
};

/** Opens the library at `path`; null, with the loader's message or the name of a missing function, when it is of no use. */
const Library* load(const char* path, char* detail, size_t detailBytes);

/** Row-major stacks `out [m, n] = a b`; a side that lies transposed is `[k, m]`, or `[n, k]`. Strides are in numbers. */
struct Product {
  int type;
  int64_t m, n, k;
  bool transposeA, transposeB;
  int64_t strideA, strideB;
  int32_t batch;
  int64_t batchA, batchB;
};

/** A way to make a product: what the library said to it once, so that the same product is always made in the same way. */
struct Plan {
  Desc desc = nullptr;
  Layout a = nullptr, b = nullptr, out = nullptr;
  Choice choice = {};
};

/** A call that failed: which one, with what. */
struct Failure {
  const char* call = nullptr;
  Status status = ok;
  bool failed() const { return status != ok; }
};

/** Asks how to make a product with at most so much workspace; `found` is false when the library has no way. */
Failure makePlan(const Library& library, Handle handle, const Product& product, size_t workspaceBytes, Plan& plan, bool& found);

void destroyPlan(const Library& library, Plan& plan);

}  // namespace kvfold::blas
