// Prefill. A task is a tile of query positions of one lane; it walks over the lane's entries in blocks. When mass is
// wanted a second walk follows, by blocks of entries, because weights are only known once all entries were seen.
#include <atomic>
#include <cstring>

#include "../system/memory-pool.h"
#include "../system/runtime.h"
#include "../system/thread-pool.h"
#include "attend.h"

namespace kvfold {
namespace {

/** Queries of a tile: enough that reading the entries costs little beside the products. */
constexpr int64_t tileQueries = 192;

class Prefill {
 public:
  Prefill(const Store& store, const AttendCall& call) : store_(store), call_(call), shape_(store.shape()) {
    const int64_t group = shape_.group, tokens = call.step.tokens;
    lanes_ = call.step.rowCount * shape_.options.kvHeads;
    tileTokens_ = group >= tileQueries / 8 ? 8 : tileQueries / group;
    if (tileTokens_ > tokens) tileTokens_ = tokens;
    stride_ = (tileTokens_ * group + 15) / 16 * 16;
    tiles_ = (tokens + tileTokens_ - 1) / tileTokens_;
  }

  bool run() {
    const int64_t dims = shape_.dims;
    // queries, peaks and totals of all tiles stay for the mass
    const Scratch memory(lanes_ * tiles_ * stride_ * (dims + 2) * 4);
    if (!memory.ok()) return false;
    queries_ = memory.as<float>();
    peaks_ = queries_ + lanes_ * tiles_ * stride_ * dims;
    totals_ = peaks_ + lanes_ * tiles_ * stride_;
    if (!each(lanes_ * tiles_, [&](int64_t i) { return tile(i / tiles_, i % tiles_); })) return false;
    if (call_.mass == nullptr) return true;
    const int64_t blocks = (call_.massSlots + mostBlockEntries - 1) / mostBlockEntries;
    return each(lanes_ * blocks, [&](int64_t i) { return mass(i / blocks, i % blocks * mostBlockEntries); });
  }

 private:
  /** Memory of a task. */
  struct Work {
    explicit Work(const Prefill& p)
        : memory((mostBlockEntries * (2 * p.shape_.dims + p.stride_ + 3) + p.stride_ * (1 + p.shape_.dims) + 64) * 4) {
      entries = memory.as<float>();
      weights = entries + mostBlockEntries * 2 * p.shape_.dims;
      sums = weights + mostBlockEntries * p.stride_;
      correction = sums + p.stride_ * p.shape_.dims;
      until = reinterpret_cast<int32_t*>(correction + p.stride_);
      first = until + mostBlockEntries;
      last = first + mostBlockEntries;
    }
    Scratch memory;
    float* entries;
    float* weights;
    float* sums;
    float* correction;
    int32_t* until;
    int32_t* first;
    int32_t* last;
  };

  template <class Task>
  bool each(int64_t count, Task&& task) {
    std::atomic<bool> ok{true};
    parallelFor(count, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        if (!task(i)) ok.store(false, std::memory_order_relaxed);
      }
    });
    return ok.load(std::memory_order_relaxed);
  }

  int64_t indexOf(int64_t stepLane) const { return laneOf(store_, call_.step, stepLane); }
  int64_t realTokens(int64_t stepLane) const { return call_.step.lengths[stepLane / shape_.options.kvHeads]; }
  int64_t start(int64_t stepLane) const { return call_.step.starts[stepLane / shape_.options.kvHeads]; }

  /** Real query positions of a tile. */
  int64_t tokensOf(int64_t stepLane, int64_t tile) const {
    const int64_t left = realTokens(stepLane) - tile * tileTokens_;
    return left < 0 ? 0 : left < tileTokens_ ? left : tileTokens_;
  }

  BlockTask taskOf(int64_t stepLane, int64_t tile, const Work& work) const {
    const int64_t at = (stepLane * tiles_ + tile) * stride_;
    const int64_t rows = (tokensOf(stepLane, tile) * shape_.group + 15) / 16 * 16;
    return {queries_ + at * shape_.dims, stride_, rows, shape_.dims, work.entries, 0, work.first, work.last,
            work.weights, work.correction, peaks_ + at, totals_ + at, work.sums};
  }

  /** Entries of a lane that any query up to (not including) a position may see: those are the first ones. */
  int64_t seenBefore(int64_t index, int64_t position) const {
    const Growable<int32_t>& from = store_.steps[index].from;
    int64_t low = 0, high = from.size();
    while (low < high) {
      const int64_t middle = (low + high) / 2;
      if (from[middle] < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Which queries of a tile see each of the block's entries. */
  void setVisible(BlockTask& task, const Work& work, int64_t index, int64_t slot, int64_t position, int64_t tokens) const {
    const auto rowOf = [&](int64_t at) {
      const int64_t token = at - position;
      return static_cast<int32_t>((token < 0 ? 0 : token < tokens ? token : tokens) * shape_.group);
    };
    for (int64_t e = 0; e < task.count; e++) {
      work.first[e] = rowOf(store_.steps[index].from[slot + e]);
      work.last[e] = ends_ ? rowOf(work.until[e]) : static_cast<int32_t>(tokens * shape_.group);
    }
  }

  /** Queries into columns, times the scale; the softmax starts with the own entries, if there are any. */
  void load(const BlockTask& task, int64_t stepLane, int64_t tile, int64_t tokens, float* queries, float* peaks,
            float* totals) const {
    const int64_t group = shape_.group, headDim = shape_.options.headDim, dims = shape_.dims;
    memset(queries, 0, static_cast<size_t>(stride_ * dims) * 4);
    memset(task.sums, 0, static_cast<size_t>(stride_ * dims) * 4);
    for (int64_t row = 0; row < stride_; row++) {
      peaks[row] = noPeak;
      totals[row] = 0;
    }
    for (int64_t t = 0; t < tokens; t++) {
      const int64_t token = tile * tileTokens_ + t;
      for (int64_t h = 0; h < group; h++) {
        const int64_t row = t * group + h;
        const float* q = call_.q + ((stepLane * group + h) * call_.step.tokens + token) * headDim;
        for (int64_t i = 0; i < headDim; i++) queries[i * stride_ + row] = q[i] * call_.scale;
        if (store_.own.size() == 0) continue;
        const float* own = store_.own.data() + (stepLane * call_.step.tokens + token) * 2 * dims;
        float score = 0;
        for (int64_t i = 0; i < headDim; i++) score += q[i] * call_.scale * own[i];
        peaks[row] = score;
        totals[row] = 1;
        memcpy(task.sums + row * dims, own + dims, static_cast<size_t>(dims) * 4);
      }
    }
  }

  bool tile(int64_t stepLane, int64_t tile) const {
    const Work work(*this);
    if (!work.memory.ok()) return false;
    const int64_t index = indexOf(stepLane), tokens = tokensOf(stepLane, tile);
    const int64_t position = start(stepLane) + tile * tileTokens_;
    BlockTask task = taskOf(stepLane, tile, work);
    if (tokens > 0) {
      load(task, stepLane, tile, tokens, const_cast<float*>(task.q), task.peak, task.total);
      const int64_t seen = seenBefore(index, position + tokens);
      LaneReader reader(store_, call_, index);
      reader.seek(0);
      for (int64_t slot = 0; slot < seen; slot += mostBlockEntries) {
        task.count = seen - slot < mostBlockEntries ? seen - slot : mostBlockEntries;
        reader.read(task.count, work.entries, ends_ ? work.until : nullptr);
        setVisible(task, work, index, slot, position, tokens);
        kernels().attention->block(task);
      }
    }
    write(task, stepLane, tile, tokens);
    return true;
  }

  /** Outputs of a tile; padding gives 0. */
  void write(const BlockTask& task, int64_t stepLane, int64_t tile, int64_t tokens) const {
    const int64_t group = shape_.group, headDim = shape_.options.headDim;
    const int64_t first = tile * tileTokens_, left = call_.step.tokens - first;
    for (int64_t t = 0; t < (left < tileTokens_ ? left : tileTokens_); t++) {
      for (int64_t h = 0; h < group; h++) {
        float* out = call_.out + ((stepLane * group + h) * call_.step.tokens + first + t) * headDim;
        const int64_t row = t * group + h;
        const float share = t < tokens && task.total[row] != 0 ? 1 / task.total[row] : 0;
        for (int64_t i = 0; i < headDim; i++) out[i] = share == 0 ? 0 : task.sums[row * shape_.dims + i] * share;
      }
    }
  }

  /** Mass of a block of entries over all tiles. */
  bool mass(int64_t stepLane, int64_t slot) const {
    const int64_t index = indexOf(stepLane), length = store_.table[index].length;
    float* out = call_.mass + stepLane * call_.massSlots + slot;
    if (slot >= length) return true;
    const Work work(*this);
    if (!work.memory.ok()) return false;
    const int64_t count = length - slot < mostBlockEntries ? length - slot : mostBlockEntries;
    LaneReader reader(store_, call_, index);
    reader.seek(slot);
    reader.read(count, work.entries, ends_ ? work.until : nullptr);
    const int64_t real = realTokens(stepLane), counted = call_.massQueries < real ? call_.massQueries : real;
    for (int64_t tile = 0; tile < tiles_; tile++) {
      const int64_t tokens = tokensOf(stepLane, tile), firstToken = tile * tileTokens_;
      if (tokens == 0) break;
      const int64_t from = real - counted - firstToken;
      if (from >= tokens) continue;
      BlockTask task = taskOf(stepLane, tile, work);
      task.count = count;
      setVisible(task, work, index, slot, start(stepLane) + firstToken, tokens);
      kernels().attention->mass(task, (from < 0 ? 0 : from) * shape_.group, tokens * shape_.group, out);
    }
    for (int64_t e = 0; e < count; e++) out[e] /= static_cast<float>(shape_.group);
    return true;
  }

  const Store& store_;
  const AttendCall& call_;
  const StoreShape& shape_;
  const bool ends_ = anythingEnds(store_, call_);
  int64_t lanes_ = 0;
  /** Query positions of a tile, tiles of a lane, and columns of a tile's memory. */
  int64_t tileTokens_ = 0;
  int64_t tiles_ = 0;
  int64_t stride_ = 0;
  float* queries_ = nullptr;
  float* peaks_ = nullptr;
  float* totals_ = nullptr;
};

}  // namespace

bool attendMany(const Store& store, const AttendCall& call) { return Prefill(store, call).run(); }

}  // namespace kvfold
