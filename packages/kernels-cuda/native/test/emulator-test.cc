// The emulator itself: barriers, exchanges between lanes, late copies, the small products, and kernels that hang.
#include "../kernels/device/tensor-core.h"
#include "../kernels/device/warp.h"
#include "check.h"

namespace {

struct EmulatorTestArgs {
  uint64_t in;   // int32 [threads]
  uint64_t out;  // int32 [blocks, threads]
};

__global__ void kvfoldTest_reverse(const EmulatorTestArgs args) {
  KVFOLD_DYNAMIC_SHARED(bytes);
  int* shared = reinterpret_cast<int*>(bytes);
  shared[threadIdx.x] = kvfold::at<int>(args.in)[threadIdx.x] + static_cast<int>(blockIdx.x);
  __syncthreads();
  int sum = shared[blockDim.x - 1 - threadIdx.x];
  if (threadIdx.x == 7) return;  // a barrier does not wait for threads that have ended
  __syncthreads();
  sum += __syncthreads_count(threadIdx.x % 2 == 0);
  kvfold::at<int>(args.out)[blockIdx.x * blockDim.x + threadIdx.x] = sum;
}
KVFOLD_KERNEL(kvfoldTest_reverse, EmulatorTestArgs)

__global__ void kvfoldTest_hang(const EmulatorTestArgs) {
  if (threadIdx.x % 2 == 0) {
    __syncthreads();
  } else {
    __syncwarp();
  }
}
KVFOLD_KERNEL(kvfoldTest_hang, EmulatorTestArgs)

__global__ void kvfoldTest_lanes(const EmulatorTestArgs args) {
  const int value = kvfold::at<int>(args.in)[threadIdx.x];
  int* out = kvfold::at<int>(args.out) + threadIdx.x * 6;
  out[0] = __shfl_xor_sync(kvfold::wholeWarp, value, 5);
  out[1] = __shfl_up_sync(kvfold::wholeWarp, value, 2);
  out[2] = static_cast<int>(__ballot_sync(kvfold::wholeWarp, value > 50));
  out[3] = kvfold::warpScan(value);
  out[4] = static_cast<int>(kvfold::warpSum(static_cast<float>(value)));
  out[5] = atomicAdd(kvfold::at<int>(args.in) + 64, 1);
}
KVFOLD_KERNEL(kvfoldTest_lanes, EmulatorTestArgs)

__global__ void kvfoldTest_copy(const EmulatorTestArgs args) {
  KVFOLD_DYNAMIC_SHARED(bytes);
  int* shared = reinterpret_cast<int*>(bytes);
  const int* in = kvfold::at<int>(args.in);
  int* out = kvfold::at<int>(args.out);
  kvfold::copyAsync16(shared, in);
  kvfold::commitCopies();
  kvfold::copyAsync16(shared + 4, in + 4);
  kvfold::copyAsync16(shared + 8, in + 8, false);
  kvfold::commitCopies();
  out[0] = shared[0];
  kvfold::waitForCopies<1>();
  out[1] = shared[0];
  out[2] = shared[4];
  kvfold::waitForCopies<0>();
  out[3] = shared[4];
  out[4] = shared[8];
}
KVFOLD_KERNEL(kvfoldTest_copy, EmulatorTestArgs)

/** in: halfwords [16, 16] and [8, 16]; out: float [16, 8] product of the first with the turned second, then turned words. */
__global__ void kvfoldTest_matrix(const EmulatorTestArgs args) {
  const uint16_t* a = kvfold::at<uint16_t>(args.in);
  const uint16_t* b = a + 256;
  const int lane = threadIdx.x, g = lane / 4, t = lane % 4;
  uint32_t aWords[4], bWords[4];
  kvfold::loadMatrices(aWords, a + (lane % 16) * 16 + (lane / 16) * 8);
  kvfold::loadMatrices(bWords, b + (lane % 8) * 16 + (lane / 8 % 2) * 8);
  float c[4] = {};
  kvfold::multiplyBf16(c, aWords, bWords[0], bWords[1]);
  float* out = kvfold::at<float>(args.out);
  for (int i = 0; i < 4; i++) out[(g + 8 * (i >> 1)) * 8 + 2 * t + (i & 1)] = c[i];
  uint32_t turned[4];
  kvfold::loadMatricesTurned(turned, a + (lane % 16) * 16 + (lane / 16) * 8);
  out[128 + lane] = turned[0] == kvfold::turnMatrix(aWords[0]) ? 1.0f : 0.0f;
  out[160 + lane] = (turned[0] & 0xffff) == a[2 * t * 16 + g] && turned[0] >> 16 == a[(2 * t + 1) * 16 + g] ? 1.0f : 0.0f;
}
KVFOLD_KERNEL(kvfoldTest_matrix, EmulatorTestArgs)

using namespace kvfold::test;

KVFOLD_TEST(emulatorBarriers) {
  const Array<int> in(50), out(150);
  for (int i = 0; i < 50; i++) in[i] = i * i;
  launch("kvfoldTest_reverse", EmulatorTestArgs{in.address(), out.address()}, 3, 50, 200);
  for (int b = 0; b < 3; b++) {
    for (int t = 0; t < 50; t++) {
      const int expected = t == 7 ? -1 : (49 - t) * (49 - t) + b + 25;
      check(out[b * 50 + t] == expected, "reverse %d %d: %d, expected %d", b, t, out[b * 50 + t], expected);
    }
  }
}

#if !defined(__CUDACC__)
KVFOLD_TEST(emulatorFindsHangs) {
  const EmulatorTestArgs args = {};
  const kvfold::emulator::Kernel* kernel = kvfold::emulator::lookup("kvfoldTest_hang");
  const char* problem = kvfold::emulator::run(kernel->entry, &args, {{1, 1, 1}, {32, 1, 1}, 0});
  check(problem != nullptr && strstr(problem, "16 at a block's barrier, 16 for other lanes") != nullptr, "hang: %s",
        problem == nullptr ? "not noticed" : problem);
  check(kvfold::emulator::lookup("kvfoldTest_none") == nullptr, "a kernel that is not there");
}
#endif

KVFOLD_TEST(emulatorLanes) {
  const Array<int> in(65), out(64 * 6);
  for (int i = 0; i < 65; i++) in[i] = i == 64 ? 0 : 100 - i;
  launch("kvfoldTest_lanes", EmulatorTestArgs{in.address(), out.address()}, 1, 64);
  for (int t = 0; t < 64; t++) {
    const int* got = out.data() + t * 6;
    int scan = 0, sum = 0;
    uint32_t votes = 0;
    for (int i = 0; i < 32; i++) {
      const int value = 100 - (t / 32 * 32 + i);
      sum += value;
      scan += i <= t % 32 ? value : 0;
      votes |= value > 50 ? 1u << i : 0;
    }
    check(got[0] == 100 - (t ^ 5), "xor");
    check(got[1] == (t % 32 < 2 ? 100 - t : 102 - t), "up");
    check(got[2] == static_cast<int>(votes), "ballot");
    check(got[3] == scan && got[4] == sum, "scan and sum");
  }
  check(in[64] == 64, "atomic");
}

KVFOLD_TEST(emulatorCopies) {
  const Array<int> in(12), out(5);
  for (int i = 0; i < 12; i++) in[i] = 10 + i;
  launch("kvfoldTest_copy", EmulatorTestArgs{in.address(), out.address()}, 1, 1, 48);
  const int expected[5] = {-1, 10, -1, 14, 0};
  for (int i = 0; i < 5; i++) check(out[i] == expected[i], "copy %d: %d, expected %d", i, out[i], expected[i]);
}

KVFOLD_TEST(emulatorMatrices) {
  const Array<uint16_t> in(384);
  const Array<float> out(192);
  Numbers numbers(1);
  for (size_t i = 0; i < 384; i++) in[i] = kvfold::floatToBf16(numbers.next());
  launch("kvfoldTest_matrix", EmulatorTestArgs{in.address(), out.address()}, 1, 32);
  for (int m = 0; m < 16; m++) {
    for (int n = 0; n < 8; n++) {
      double sum = 0;
      for (int k = 0; k < 16; k++) {
        sum += static_cast<double>(kvfold::bf16ToFloat(in[m * 16 + k])) * kvfold::bf16ToFloat(in[256 + n * 16 + k]);
      }
      check(fabs(out[m * 8 + n] - sum) < 1e-5, "product %d %d", m, n);
    }
  }
  for (int i = 0; i < 64; i++) check(out[128 + i] == 1.0f, "turned %d", i);
}

KVFOLD_TEST(narrowFloats) {
  using namespace kvfold;
  check(floatToBf16(1.00390625f) == 0x3f80, "a half to even, down");
  check(floatToBf16(1.01171875f) == 0x3f82, "a half to even, up");
  check(bf16ToFloat(floatToBf16(-3.0f)) == -3.0f && lowBf16(packBf16(2, 5)) == 2 && highBf16(packBf16(2, 5)) == 5, "pairs");
  check(f16ToFloat(0x3c00) == 1 && f16ToFloat(0xc500) == -5 && f16ToFloat(0x0001) == 5.9604644775390625e-8f, "halves");
  check(std::isinf(f16ToFloat(0x7c00)) && std::isnan(f16ToFloat(0x7e00)) && std::isnan(bf16ToFloat(floatToBf16(NAN))), "not finite");
}

}  // namespace
