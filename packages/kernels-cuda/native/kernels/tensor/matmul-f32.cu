// Products of float32 matrices in float32, tile by tile through shared memory; any shape, any order of rows and columns.
#include "../args/matmul-f32.h"
#include "../device/platform.h"

namespace kvfold {

constexpr int matmulTile = 64;
constexpr int matmulDepth = 16;
/** Rows and columns of a thread: 16 x 16 threads make a tile. */
constexpr int matmulEach = 4;

}  // namespace kvfold

using kvfold::MatmulF32Args;

// Grid: tiles of columns (x), tiles of rows (y), batch (z); 256 threads.
extern "C" __global__ void __launch_bounds__(256) kvfold_matmul_f32(const MatmulF32Args args) {
  using namespace kvfold;
  __shared__ float left[matmulDepth][matmulTile + 4];
  __shared__ float right[matmulDepth][matmulTile + 4];
  const float* a = at<const float>(args.a) + static_cast<int64_t>(blockIdx.z) * args.aBatch;
  const float* b = at<const float>(args.b) + static_cast<int64_t>(blockIdx.z) * args.bBatch;
  const int firstRow = static_cast<int>(blockIdx.y) * matmulTile, firstColumn = static_cast<int>(blockIdx.x) * matmulTile;
  const int threadRow = static_cast<int>(threadIdx.x) / 16, threadColumn = static_cast<int>(threadIdx.x) % 16;
  // neighbouring threads read what lies side by side, whichever order a side has
  const bool aByColumn = args.aColumn == 1, bByColumn = args.bColumn == 1;
  float sums[matmulEach][matmulEach] = {};
  for (int start = 0; start < args.k; start += matmulDepth) {
    for (int i = static_cast<int>(threadIdx.x); i < matmulTile * matmulDepth; i += 256) {
      const int depthA = aByColumn ? i % matmulDepth : i / matmulTile, row = aByColumn ? i / matmulDepth : i % matmulTile;
      const bool insideA = firstRow + row < args.m && start + depthA < args.k;
      left[depthA][row] = insideA ? a[(firstRow + row) * args.aRow + (start + depthA) * args.aColumn] : 0.0f;
      const int depthB = bByColumn ? i / matmulTile : i % matmulDepth, column = bByColumn ? i % matmulTile : i / matmulDepth;
      const bool insideB = firstColumn + column < args.n && start + depthB < args.k;
      right[depthB][column] = insideB ? b[(start + depthB) * args.bRow + (firstColumn + column) * args.bColumn] : 0.0f;
    }
    __syncthreads();
    for (int depth = 0; depth < matmulDepth; depth++) {
      float x[matmulEach], y[matmulEach];
      KVFOLD_UNROLL
      for (int i = 0; i < matmulEach; i++) {
        x[i] = left[depth][threadRow * matmulEach + i];
        y[i] = right[depth][threadColumn * matmulEach + i];
      }
      KVFOLD_UNROLL
      for (int i = 0; i < matmulEach; i++) {
        KVFOLD_UNROLL
        for (int j = 0; j < matmulEach; j++) sums[i][j] = fmaf(x[i], y[j], sums[i][j]);
      }
    }
    __syncthreads();
  }
  float* out = at<float>(args.out) + static_cast<uint64_t>(blockIdx.z) * static_cast<uint64_t>(args.m) * static_cast<uint64_t>(args.n);
  KVFOLD_UNROLL
  for (int i = 0; i < matmulEach; i++) {
    const int row = firstRow + threadRow * matmulEach + i;
    KVFOLD_UNROLL
    for (int j = 0; j < matmulEach; j++) {
      const int column = firstColumn + threadColumn * matmulEach + j;
      if (row < args.m && column < args.n) out[static_cast<int64_t>(row) * args.n + column] = sums[i][j];
    }
  }
}
KVFOLD_KERNEL(kvfold_matmul_f32, MatmulF32Args)
