#include "column-attention.h"

#include <cstring>

#include "../system/flush-subnormals.h"
#include "../system/memory-pool.h"
#include "../system/runtime.h"
#include "../system/thread-pool.h"

namespace kvfold {
namespace {

int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

/** `until [rows, tokens]`: the query from which on each key is hidden again. */
void fillUntil(const ColumnAttention& call, int32_t* until) {
  for (int64_t row = 0; row < call.rows; row++, until += call.tokens) {
    const int32_t* starts = call.starts == nullptr ? nullptr : call.starts + row * call.tokens;
    int64_t same = starts == nullptr ? call.tokens : 0;
    for (int64_t key = 0; key < call.tokens; key++) {
      while (same < call.tokens && starts[same] <= key) same++;
      until[key] = static_cast<int32_t>(call.window < same - key ? key + call.window : same);
    }
  }
}

/** Cuts a call into blocks of queries. */
struct Lanes {
  const ColumnAttention& call;
  const int32_t* until;

  int64_t blocks() const { return (call.tokens + columnBlock - 1) / columnBlock; }

  /** The queries `[block * columnBlock, ...)` of a query head; heads are counted over all rows. */
  ColumnTask task(int64_t head, int64_t block) const {
    const int64_t lane = head / call.group, first = block * columnBlock;
    ColumnTask task;
    task.q = call.q + (head * call.tokens + first) * call.headDim;
    task.k = call.k + lane * call.tokens * call.headDim;
    task.v = call.v + lane * call.tokens * call.headDim;
    task.bias = call.bias == nullptr ? nullptr : call.bias + lane * call.tokens;
    task.until = until + lane / call.kvHeads * call.tokens;
    task.first = first;
    task.count = smaller(columnBlock, call.tokens - first);
    task.headDim = call.headDim;
    task.biasDelay = call.biasDelay;
    task.scale = call.scale;
    return task;
  }
};

/** Runs `work(lanes, begin, end, memory)` over the items on all threads. */
template <class Work>
bool shareLanes(const ColumnAttention& call, int64_t items, const Work& work) {
  const Scratch until(call.rows * call.tokens * static_cast<int64_t>(sizeof(int32_t)));
  if (!until.ok()) return false;
  fillUntil(call, until.as<int32_t>());
  const Lanes lanes = {call, until.as<int32_t>()};
  bool ok = true;
  parallelFor(items, 1, [&](int64_t begin, int64_t end) {
    const FlushSubnormals flush;
    const Scratch memory(columnMemory(call.headDim) * static_cast<int64_t>(sizeof(float)));
    if (memory.ok()) work(lanes, begin, end, memory.as<float>());
    else __atomic_store_n(&ok, false, __ATOMIC_RELAXED);
  });
  return ok;
}

void pullLane(const Lanes& lanes, int64_t lane, const ColumnAttentionGradient& gradient, float* memory) {
  const ColumnAttention& call = lanes.call;
  const int64_t numbers = call.tokens * call.headDim;
  ColumnPull pull;
  pull.dk = gradient.dk + lane * numbers;
  pull.dv = gradient.dv + lane * numbers;
  pull.dBias = gradient.dBias == nullptr ? nullptr : gradient.dBias + lane * call.tokens;
  memset(pull.dk, 0, static_cast<size_t>(numbers) * sizeof(float));
  memset(pull.dv, 0, static_cast<size_t>(numbers) * sizeof(float));
  if (pull.dBias != nullptr) memset(pull.dBias, 0, static_cast<size_t>(call.tokens) * sizeof(float));
  for (int64_t head = lane * call.group; head < (lane + 1) * call.group; head++) {
    for (int64_t block = 0; block < lanes.blocks(); block++) {
      const int64_t token = head * call.tokens + block * columnBlock;
      pull.out = gradient.out + token * call.headDim;
      pull.lse = gradient.lse + token;
      pull.dOut = gradient.dOut + token * call.headDim;
      pull.dLse = gradient.dLse == nullptr ? nullptr : gradient.dLse + token;
      pull.dq = gradient.dq + token * call.headDim;
      kernels().columnAttention->pull(lanes.task(head, block), pull, memory);
    }
  }
}

}  // namespace

bool columnAttention(const ColumnAttention& call, float* out, float* lse) {
  const int64_t blocks = (call.tokens + columnBlock - 1) / columnBlock;
  return shareLanes(call, call.rows * call.kvHeads * call.group * blocks,
                    [&](const Lanes& lanes, int64_t begin, int64_t end, float* memory) {
                      for (int64_t item = begin; item < end; item++) {
                        const int64_t head = item / blocks, block = item % blocks;
                        const int64_t token = head * call.tokens + block * columnBlock;
                        kernels().columnAttention->attend(lanes.task(head, block), out + token * call.headDim, lse + token, memory);
                      }
                    });
}

bool columnAttentionGradient(const ColumnAttention& call, const ColumnAttentionGradient& gradient) {
  return shareLanes(call, call.rows * call.kvHeads, [&](const Lanes& lanes, int64_t begin, int64_t end, float* memory) {
    for (int64_t lane = begin; lane < end; lane++) pullLane(lanes, lane, gradient, memory);
  });
}

}  // namespace kvfold
