// cuBLASLt for tests: checks what it is given, and multiplies on the CPU when the stream's turn has come.
#include <cstring>
#include <memory>

#include "../addon/blas/blas-calls.h"
#include "calls.h"

namespace kvfold::blas {

using driver_emulator::enqueue;
using driver_emulator::inMemory;
using driver_emulator::problem;
using driver_emulator::state;
using driver_emulator::State;

struct HandleBody {};
struct DescBody {
  int32_t transposeA = 0, transposeB = 0;
};
struct LayoutBody {
  int type;
  int64_t rows, columns, stride;
  int32_t batch = 1;
  int64_t batchStride = 0;
  int64_t size() const { return type == typeBf16 ? 2 : 4; }
  /** Bytes from the first to behind the last number. */
  size_t bytes() const {
    return static_cast<size_t>(size() * ((batch - 1) * batchStride + (columns - 1) * stride + rows));
  }
};
struct PreferenceBody {
  size_t workspaceBytes = 0;
};

constexpr Status invalidValue = 7;
constexpr uint64_t algorithmMark = 0x6b76666f6c64ULL;
/** What every product of the emulator asks for, so that workspaces are tested. */
constexpr size_t workspaceWanted = 4096;

/** Takes the lock, and answers at once where a test wants an error. */
#define KVFOLD_BLAS_BEGIN()                                                                       \
  State& s = state();                                                                             \
  const std::lock_guard<std::mutex> guard(s.lock);                                                \
  if (const Status early = driver_emulator::begin(__func__, true); early != ok) return early

/** As the driver's problems, with the library's code for a wrong argument. */
static Status wrong(const char* what) { return problem(invalidValue, std::string("cuBLASLt: ") + what); }

template <class Body>
static Status destroy(Body* body, const char* what) {
  if (state().blasObjects.erase(body) == 0) return wrong(what);
  delete body;
  return ok;
}

template <class Body>
static Body* made(Body* body) {
  state().blasObjects.insert(body);
  return body;
}

static bool lives(const void* body) { return state().blasObjects.count(const_cast<void*>(body)) > 0; }

static float valueAt(const LayoutBody& layout, const void* data, int64_t row, int64_t column, int64_t matrix) {
  const int64_t at = matrix * layout.batchStride + column * layout.stride + row;
  if (layout.type == typeFloat) return static_cast<const float*>(data)[at];
  const uint32_t bits = static_cast<uint32_t>(static_cast<const uint16_t*>(data)[at]) << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/** What is wrong with the operands of a product; null when they fit. */
static const char* misfit(const DescBody& desc, const LayoutBody& a, const LayoutBody& b, const LayoutBody& d) {
  const int64_t k = desc.transposeA != 0 ? a.rows : a.columns;
  if ((desc.transposeA != 0 ? a.columns : a.rows) != d.rows) return "the first side does not fit the result";
  if ((desc.transposeB != 0 ? b.rows : b.columns) != d.columns) return "the second side does not fit the result";
  if ((desc.transposeB != 0 ? b.columns : b.rows) != k) return "the sides do not fit each other";
  if (a.type != b.type || d.type != typeFloat) return "types that are not multiplied";
  for (const LayoutBody* layout : {&a, &b, &d}) {
    if (layout->stride < layout->rows) return "a stride below the number of rows";
    if (layout->batch != d.batch) return "stacks of different sizes";
  }
  return d.batch > 1 && d.batchStride < d.columns * d.stride ? "results that lie over each other" : nullptr;
}

static void multiply(const DescBody& desc, const LayoutBody& a, const LayoutBody& b, const LayoutBody& d, const void* left,
                     const void* right, float* out) {
  const int64_t k = desc.transposeA != 0 ? a.rows : a.columns;
  for (int64_t matrix = 0; matrix < d.batch; matrix++) {
    for (int64_t column = 0; column < d.columns; column++) {
      for (int64_t row = 0; row < d.rows; row++) {
        float sum = 0;
        for (int64_t i = 0; i < k; i++) {
          sum += (desc.transposeA != 0 ? valueAt(a, left, i, row, matrix) : valueAt(a, left, row, i, matrix)) *
                 (desc.transposeB != 0 ? valueAt(b, right, column, i, matrix) : valueAt(b, right, i, column, matrix));
        }
        out[matrix * d.batchStride + column * d.stride + row] = sum;
      }
    }
  }
}

KVFOLD_EXPORT size_t cublasLtGetVersion() { return 130100; }

KVFOLD_EXPORT Status cublasLtCreate(Handle* handle) {
  KVFOLD_BLAS_BEGIN();
  *handle = made(new HandleBody());
  return ok;
}

KVFOLD_EXPORT Status cublasLtDestroy(Handle handle) {
  KVFOLD_BLAS_BEGIN();
  return destroy(handle, "a handle destroyed that does not live");
}

KVFOLD_EXPORT Status cublasLtMatmulDescCreate(Desc* desc, int computeType, int scaleType) {
  KVFOLD_BLAS_BEGIN();
  if (computeType != computeFloat || scaleType != typeFloat) return wrong("a way of counting that is not emulated");
  *desc = made(new DescBody());
  return ok;
}

KVFOLD_EXPORT Status cublasLtMatmulDescDestroy(Desc desc) {
  KVFOLD_BLAS_BEGIN();
  return destroy(desc, "a description destroyed that does not live");
}

KVFOLD_EXPORT Status cublasLtMatmulDescSetAttribute(Desc desc, int attribute, const void* value, size_t bytes) {
  KVFOLD_BLAS_BEGIN();
  if (!lives(desc) || bytes != 4) return wrong("an attribute of a description");
  int32_t given;
  memcpy(&given, value, 4);
  if (given < 0 || given > 1) return wrong("a transposition that is none");
  if (attribute == descTransposeA) desc->transposeA = given;
  else if (attribute == descTransposeB) desc->transposeB = given;
  else return wrong("an unknown attribute of a description");
  return ok;
}

KVFOLD_EXPORT Status cublasLtMatrixLayoutCreate(Layout* layout, int type, uint64_t rows, uint64_t columns, int64_t stride) {
  KVFOLD_BLAS_BEGIN();
  if ((type != typeFloat && type != typeBf16) || rows == 0 || columns == 0) return wrong("a layout of nothing, or of no known type");
  *layout = made(new LayoutBody{type, static_cast<int64_t>(rows), static_cast<int64_t>(columns), stride});
  return ok;
}

KVFOLD_EXPORT Status cublasLtMatrixLayoutDestroy(Layout layout) {
  KVFOLD_BLAS_BEGIN();
  return destroy(layout, "a layout destroyed that does not live");
}

KVFOLD_EXPORT Status cublasLtMatrixLayoutSetAttribute(Layout layout, int attribute, const void* value, size_t bytes) {
  KVFOLD_BLAS_BEGIN();
  if (!lives(layout)) return wrong("an attribute of a layout that does not live");
  if (attribute == layoutBatch && bytes == 4) memcpy(&layout->batch, value, 4);
  else if (attribute == layoutBatchStride && bytes == 8) memcpy(&layout->batchStride, value, 8);
  else return wrong("an unknown attribute of a layout");
  return ok;
}

KVFOLD_EXPORT Status cublasLtMatmulPreferenceCreate(Preference* preference) {
  KVFOLD_BLAS_BEGIN();
  *preference = made(new PreferenceBody());
  return ok;
}

KVFOLD_EXPORT Status cublasLtMatmulPreferenceDestroy(Preference preference) {
  KVFOLD_BLAS_BEGIN();
  return destroy(preference, "a preference destroyed that does not live");
}

KVFOLD_EXPORT Status cublasLtMatmulPreferenceSetAttribute(Preference preference, int attribute, const void* value, size_t bytes) {
  KVFOLD_BLAS_BEGIN();
  if (!lives(preference) || attribute != preferenceWorkspace || bytes != 8) return wrong("a preference");
  memcpy(&preference->workspaceBytes, value, 8);
  return ok;
}

KVFOLD_EXPORT Status cublasLtMatmulAlgoGetHeuristic(Handle handle, Desc desc, Layout a, Layout b, Layout c, Layout d,
                                                    Preference preference, int wanted, Choice* choices, int* found) {
  KVFOLD_BLAS_BEGIN();
  for (const void* body : {static_cast<void*>(handle), static_cast<void*>(desc), static_cast<void*>(a), static_cast<void*>(b),
                           static_cast<void*>(c), static_cast<void*>(d), static_cast<void*>(preference)}) {
    if (!lives(body)) return wrong("a choice with something that does not live");
  }
  *found = 0;
  if (wanted < 1) return wrong("no choice is wanted");
  if (const char* what = misfit(*desc, *a, *b, *d); what != nullptr) return wrong(what);
  if (preference->workspaceBytes < workspaceWanted) return notSupported;
  choices[0] = {};
  choices[0].algorithm.data[0] = algorithmMark;
  choices[0].workspaceBytes = workspaceWanted;
  *found = 1;
  return ok;
}

KVFOLD_EXPORT Status cublasLtMatmul(Handle handle, Desc desc, const void* alpha, const void* a, Layout layoutA, const void* b,
                                    Layout layoutB, const void* beta, const void* c, Layout layoutC, void* d, Layout layoutD,
                                    const Algorithm* algorithm, void* workspace, size_t workspaceBytes, cuda::Stream stream) {
  KVFOLD_BLAS_BEGIN();
  for (const void* body : {static_cast<void*>(handle), static_cast<void*>(desc), static_cast<void*>(layoutA),
                           static_cast<void*>(layoutB), static_cast<void*>(layoutD)}) {
    if (!lives(body)) return wrong("a product with something that does not live");
  }
  if (const char* what = misfit(*desc, *layoutA, *layoutB, *layoutD); what != nullptr) return wrong(what);
  if (*static_cast<const float*>(alpha) != 1 || *static_cast<const float*>(beta) != 0) return wrong("factors that are not emulated");
  if (c != d || layoutC != layoutD) return wrong("a sum that is not emulated");
  if (algorithm->data[0] != algorithmMark) return wrong("a way that was never chosen");
  const auto address = [](const void* pointer) { return reinterpret_cast<cuda::Address>(pointer); };
  for (const void* pointer : {a, b, static_cast<const void*>(d), static_cast<const void*>(workspace)}) {
    if (address(pointer) % 256 != 0) return wrong("memory that does not start at a multiple of 256");
  }
  if (!inMemory(address(a), layoutA->bytes()) || !inMemory(address(b), layoutB->bytes())) return wrong("sides outside of memory");
  if (!inMemory(address(d), layoutD->bytes())) return wrong("a result outside of memory");
  if (workspaceBytes < workspaceWanted || !inMemory(address(workspace), workspaceBytes)) return wrong("a workspace outside of memory");
  // layouts may be gone when the stream's turn comes
  return enqueue(stream, [=, how = *desc, left = *layoutA, right = *layoutB, out = *layoutD] {
    state().products++;
    memset(workspace, 0xff, workspaceBytes);
    multiply(how, left, right, out, a, b, static_cast<float*>(d));
  });
}

}  // namespace kvfold::blas
