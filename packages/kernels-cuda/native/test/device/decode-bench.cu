// How near decode attention comes to what the memory can be read at: timed by events of the device, beside a kernel that
// only reads. Runs when its name is given: device-tests benchDecodeAttention.
#include <cuda_runtime.h>

#include <cstdio>
#include <vector>

#include "../../kernels/args/decode-attention.h"
#include "../../kernels/device/platform.h"
#include "../check.h"

namespace {

using namespace kvfold;
using namespace kvfold::test;

struct ReadArgs {
  uint64_t from;  // uint4 [count]
  uint64_t sum;   // uint32 [1]
  int64_t count;
};

__global__ void kvfoldTest_read(const ReadArgs args) {
  const uint4* from = at<const uint4>(args.from);
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  unsigned sum = 0;
  int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  for (; i + 7 * step < args.count; i += 8 * step) {
    uint4 parts[8];
    KVFOLD_UNROLL
    for (int j = 0; j < 8; j++) parts[j] = __ldcs(from + i + j * step);
    KVFOLD_UNROLL
    for (int j = 0; j < 8; j++) sum += parts[j].x ^ parts[j].y ^ parts[j].z ^ parts[j].w;
  }
  if (sum == 0x12345678u) *at<unsigned>(args.sum) = sum;
}
KVFOLD_KERNEL(kvfoldTest_read, ReadArgs)

/** Entries whose numbers are small and ordinary: bf16 between 0.5 and 2 with both signs, or int8. */
__global__ void kvfoldTest_fill(const ReadArgs args) {
  uint4* to = at<uint4>(args.from);
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < args.count; i += step) {
    unsigned x = static_cast<unsigned>(i) * 2654435761u + 12345u;
    const unsigned a = (x & 0x80ff80ffu) | 0x3f003f00u;
    x = x * 1664525u + 1013904223u;
    const unsigned b = (x & 0x80ff80ffu) | 0x3f003f00u;
    to[i] = make_uint4(a, b, a ^ 0x00550055u, b ^ 0x002a002au);
  }
}
KVFOLD_KERNEL(kvfoldTest_fill, ReadArgs)

void* onDevice(size_t bytes) {
  void* memory = nullptr;
  check(cudaMalloc(&memory, bytes) == cudaSuccess, "%zu bytes of device memory", bytes);
  return memory;
}

/** Milliseconds of one of many launches, the best of five rounds. */
template <class Work>
double timed(Work&& work) {
  cudaEvent_t start, end;
  cudaEventCreate(&start);
  cudaEventCreate(&end);
  double best = 1e30;
  for (int round = 0; round < 5; round++) {
    constexpr int times = 20;
    cudaEventRecord(start);
    for (int i = 0; i < times; i++) work();
    cudaEventRecord(end);
    cudaEventSynchronize(end);
    float took = 0;
    cudaEventElapsedTime(&took, start, end);
    best = took / times < best ? took / times : best;
  }
  cudaEventDestroy(start);
  cudaEventDestroy(end);
  return best;
}

void launchOnly(const char* name, const void* args, unsigned grid, unsigned block, size_t shared) {
  const void* function = reinterpret_cast<const void*>(emulator::lookup(name)->entry);
  void* arguments[] = {const_cast<void*>(args)};
  cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared));
  check(cudaLaunchKernel(function, dim3(grid), dim3(block), arguments, shared, nullptr) == cudaSuccess, "%s starts", name);
}

struct Bench {
  const char* title;
  EntryCodec codec;
  int rows, kvHeads, group, tokens;
  bool ragged;  // lanes of 1 / 1 to 1 / 16 of the tokens
};

void run(const Bench& bench, const DecodeDevice& device, double ceiling) {
  constexpr int headDim = 128, slots = 64;
  const int lanes = bench.rows * bench.kvHeads;
  const EntryLayout layout = entryLayout(bench.codec, headDim, slots, 0, -1, -1, 0);
  const int capacity = (bench.tokens + slots - 1) / slots;
  Array<int> table(static_cast<size_t>(lanes) * capacity), lengths(lanes), tileStarts(lanes + 1), arrivals(lanes, 0);
  int64_t entries = 0;
  int pages = 0;
  for (int lane = 0; lane < lanes; lane++) {
    lengths[lane] = bench.ragged ? bench.tokens / (1 + lane * 7 % 16) : bench.tokens;
    entries += lengths[lane];
    for (int i = 0; i * slots < lengths[lane]; i++) table[static_cast<size_t>(lane) * capacity + i] = pages++;
  }
  // neighbours of a list lie apart
  Numbers numbers(1);
  for (int i = pages - 1; i > 0; i--) {
    int lane = static_cast<int>(numbers.below(static_cast<unsigned>(lanes))), other = static_cast<int>(numbers.below(static_cast<unsigned>(lanes)));
    const int a = static_cast<int>(numbers.below(static_cast<unsigned>((lengths[lane] + slots - 1) / slots)));
    const int b = static_cast<int>(numbers.below(static_cast<unsigned>((lengths[other] + slots - 1) / slots)));
    std::swap(table[static_cast<size_t>(lane) * capacity + a], table[static_cast<size_t>(other) * capacity + b]);
  }
  const size_t bytes = static_cast<size_t>(pages) * layout.pageBytes, queries = static_cast<size_t>(lanes) * bench.group * headDim;
  void* memory = onDevice(bytes);
  const ReadArgs fill = {reinterpret_cast<uint64_t>(memory), 0, static_cast<int64_t>(bytes / 16)};
  launchOnly("kvfoldTest_fill", &fill, 1024, 256, 0);
  Array<float> q(queries), out(queries);
  numbers.fill(q);
  const DecodeAttentionPlan plan = planDecodeAttention(bench.codec, headDim, device);
  DecodeMergeArgs args = {};
  DecodeAttentionArgs& attention = args.attention;
  attention.q = q.address(), attention.out = out.address(), attention.tileStarts = tileStarts.address(), attention.arrivals = arrivals.address();
  attention.partials = reinterpret_cast<uint64_t>(onDevice(4 * decodePartialFloats(plan, bench.codec, headDim, lanes, 1)));
  attention.store = {reinterpret_cast<uint64_t>(memory), table.address(), lengths.address(), 0, capacity, bench.kvHeads, layout};
  attention.scale = 0.0884f, attention.rowCount = bench.rows, attention.group = bench.group, attention.passes = headPasses(bench.codec, bench.group);
  attention.window = attention.recent = noEnd;
  args.warps = static_cast<int>(plan.warps);
  const AttentionPlanArgs planning = {lengths.address(), 0, tileStarts.address(), bench.rows, bench.kvHeads, attention.passes};
  const char* codecs[] = {"f32", "bf16", "int8"};
  char decode[64], merge[64];
  snprintf(decode, sizeof decode, "kvfold_decode_attention_%s_%d", codecs[static_cast<int>(bench.codec)], headDim);
  snprintf(merge, sizeof merge, "kvfold_decode_merge_%s_%d", codecs[static_cast<int>(bench.codec)], headDim);
  const double planTime = timed([&] { launchOnly("kvfold_attention_plan", &planning, 1, attentionPlanThreads, 0); });
  const double took = timed([&] {
    launchOnly(decode, &attention, plan.grid, plan.block, plan.sharedBytes);
    launchOnly(merge, &args, plan.mergeGrid, decodeMergeThreads, 0);
  });
  check(cudaDeviceSynchronize() == cudaSuccess, "%s ran", bench.title);
  const double rate = static_cast<double>(entries) * entryBytesOf(bench.codec, headDim) / took / 1e6;
  printf("| %-44s | %8.1f us | %7.0f GB/s | %5.1f %% of the read ceiling | plan %.1f us |\n", bench.title, 1e3 * took, rate, 100 * rate / ceiling, 1e3 * planTime);
  cudaFree(memory);
  cudaFree(reinterpret_cast<void*>(attention.partials));
}

KVFOLD_TEST(benchDecodeAttention) {
  cudaDeviceProp found;
  if (cudaGetDeviceProperties(&found, 0) != cudaSuccess) return;
  const DecodeDevice device = {found.multiProcessorCount, static_cast<int>(found.sharedMemPerBlockOptin), static_cast<int>(found.sharedMemPerMultiprocessor)};
  const size_t bytes = size_t{2} << 30;
  void* memory = onDevice(bytes);
  const ReadArgs read = {reinterpret_cast<uint64_t>(memory), reinterpret_cast<uint64_t>(memory), static_cast<int64_t>(bytes / 16)};
  launchOnly("kvfoldTest_fill", &read, 1024, 256, 0);
  const double took = timed([&] { launchOnly("kvfoldTest_read", &read, static_cast<unsigned>(found.multiProcessorCount * 8), 256, 0); });
  const double ceiling = static_cast<double>(bytes) / took / 1e6;
  cudaFree(memory);
  printf("%s, %d multiprocessors, read ceiling %.0f GB/s\n", found.name, found.multiProcessorCount, ceiling);
  const Bench benches[] = {
      {"bf16, 8 x 16K, 8 KV heads of 4", EntryCodec::bf16, 8, 8, 4, 16384, false},
      {"bf16, 8 x 16K, 32 KV heads of 1", EntryCodec::bf16, 8, 32, 1, 16384, false},
      {"bf16, 32 x 16K, ragged 1 to 1/16", EntryCodec::bf16, 32, 8, 4, 16384, true},
      {"bf16, 128 x 2.5K, 32 KV heads of 1, ragged", EntryCodec::bf16, 128, 32, 1, 2560, true},
      {"bf16, 1 x 32K, 8 KV heads of 4", EntryCodec::bf16, 1, 8, 4, 32768, false},
      {"bf16, 1 x 4K, 8 KV heads of 4", EntryCodec::bf16, 1, 8, 4, 4096, false},
      {"int8, 8 x 16K, 8 KV heads of 4", EntryCodec::int8, 8, 8, 4, 16384, false},
      {"f32, 8 x 16K, 8 KV heads of 4", EntryCodec::f32, 8, 8, 4, 16384, false},
  };
  for (const Bench& bench : benches) run(bench, device, ceiling);
}

}  // namespace
