// Decoding. A lane is cut into blocks of pages of a fixed size, whatever the number of threads; each block has a softmax of
// its own, and they are joined in order.
#include <atomic>
#include <cstring>

#include "../system/memory-pool.h"
#include "../system/runtime.h"
#include "../system/thread-pool.h"
#include "attend.h"

namespace kvfold {
namespace {

/**
 * Entries of a block; a thread works on a block at a time. Short lanes are shared between threads, in long ones the work that
 * comes with each block counts. Only the lane's own length decides, so that nothing else changes its result.
 */
constexpr int64_t longBlock = 256;

int64_t blockEntries(const Lane& lane) { return lane.length < 256 ? 64 : lane.length < 1024 ? 128 : longBlock; }

/** Most blocks that kernels get together. */
constexpr int64_t mostTogether = 4;

/** Groups of blocks a thread that make up for one thread having one more of them. */
constexpr int64_t groupsForThread = 4;

/** Entries that are worth a second thread. */
constexpr int64_t entriesForThreads = 256;

struct Block {
  int64_t stepLane;
  int64_t firstPage;
  int64_t pageCount;
  int64_t firstSlot;
  int64_t entries;
};

class Decoding {
 public:
  Decoding(const Store& store, const AttendCall& call)
      : store_(store), call_(call), shape_(store.shape()), lanes_(call.step.rowCount * store.shape().options.kvHeads) {}

  bool run() {
    if (!cut()) return false;
    const int64_t group = shape_.group, dims = shape_.dims;
    partialFloats_ = partialFloats(group, dims);
    const Scratch queries(lanes_ * group * dims * 4), partials((blocks_.size() + 1) * partialFloats_ * 4);
    const Scratch scores(call_.mass == nullptr ? 0 : lanes_ * group * longest_ * 4 + 64);
    if (!queries.ok() || !partials.ok() || !scores.ok()) return false;
    queries_ = queries.as<float>();
    partials_ = partials.as<float>();
    scores_ = call_.mass == nullptr ? nullptr : scores.as<float>();
    scaleQueries();
    if (!attendBlocks()) return false;
    for (int64_t lane = 0, first = 0; lane < lanes_; lane++) {
      int64_t end = first;
      while (end < blocks_.size() && blocks_[end].stepLane == lane) end++;
      join(lane, first, end);
      first = end;
    }
    return true;
  }

 private:
  const Lane& lane(int64_t stepLane) const { return store_.table[laneOf(store_, call_.step, stepLane)]; }

  bool cut() {
    // where each lane ends is in no cache, nor is its address, and the lanes need not wait for each other
    for (int64_t stepLane = 0; stepLane < lanes_; stepLane++) {
      const Lane& held = lane(stepLane);
      if (held.pageCount > 0) __builtin_prefetch(held.pages + held.pageCount - 1);
    }
    for (int64_t stepLane = 0; stepLane < lanes_; stepLane++) {
      const Lane& held = lane(stepLane);
      longest_ = held.length > longest_ ? held.length : longest_;
      entries_ += held.length;
      if (!(onlyLastIsPartEmpty(held) ? cutEvenly(stepLane) : cutByCounts(stepLane))) return false;
    }
    return true;
  }

  /** Whether the numbers of entries say where each entry lies; lists of pages are long and seldom in the cache. */
  bool onlyLastIsPartEmpty(const Lane& held) const {
    if (held.pageCount == 0) return true;
    const int64_t before = (held.pageCount - 1) * shape_.options.pageSlots;
    return held.length == before + held.pages[held.pageCount - 1].count;
  }

  bool cutEvenly(int64_t stepLane) {
    const Lane& held = lane(stepLane);
    const int64_t slots = shape_.options.pageSlots, pages = (blockEntries(held) + slots - 1) / slots;
    for (int64_t p = 0; p < held.pageCount; p += pages) {
      const int64_t left = held.length - p * slots, most = pages * slots;
      if (!blocks_.push({stepLane, p, left < most ? held.pageCount - p : pages, p * slots, left < most ? left : most})) return false;
    }
    return true;
  }

  bool cutByCounts(int64_t stepLane) {
    const Lane& held = lane(stepLane);
    Block block = {stepLane, 0, 0, 0, 0};
    for (int64_t p = 0; p < held.pageCount; p++) {
      block.pageCount++;
      block.entries += held.pages[p].count;
      if (block.entries < blockEntries(held) && p + 1 < held.pageCount) continue;
      if (!blocks_.push(block)) return false;
      block = {stepLane, p + 1, 0, block.firstSlot + block.entries, 0};
    }
    return true;
  }

  /** Heads padded and times the scale. */
  void scaleQueries() {
    const int64_t headDim = shape_.options.headDim, dims = shape_.dims;
    for (int64_t head = 0; head < lanes_ * shape_.group; head++) {
      for (int64_t i = 0; i < headDim; i++) queries_[head * dims + i] = call_.q[head * headDim + i] * call_.scale;
      for (int64_t i = headDim; i < dims; i++) queries_[head * dims + i] = 0;
    }
  }

  /** All blocks. Where each thread gets several groups these are shared out, for a piece of few blocks has no group in it. */
  bool attendBlocks() const {
    const int64_t count = blocks_.size(), together = kernels().attention->tasksTogether, groups = count / together;
    const int64_t grain = entries_ >= entriesForThreads ? 1 : count;
    std::atomic<bool> ok{true};
    const auto note = [&](bool done) {
      if (!done) ok.store(false, std::memory_order_relaxed);
    };
    if (groups >= groupsForThread * threadCount()) {
      const int64_t leftOver = count % together;
      parallelFor(groups + leftOver, grain, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++) {
          note(i < groups ? some(i, together, groups) : some(groups * (together - 1) + i, 1, 1));
        }
      });
    } else {
      parallelFor(count, grain, [&](int64_t begin, int64_t end) { note(blocks(begin, end)); });
    }
    return ok.load(std::memory_order_relaxed);
  }

  /** Blocks `[begin, end)`: as many together as the kernels like, each of them going through a part of its own. */
  bool blocks(int64_t begin, int64_t end) const {
    const int64_t together = kernels().attention->tasksTogether, parts = (end - begin) / together;
    bool ok = true;
    for (int64_t i = 0; i < parts; i++) ok = some(begin + i, together, parts) && ok;
    for (int64_t i = begin + parts * together; i < end; i++) ok = some(i, 1, 1) && ok;
    return ok;
  }

  /** `count` blocks, `apart` from each other. */
  bool some(int64_t index, int64_t count, int64_t apart) const {
    int64_t entries = 0;
    for (int64_t i = 0; i < count; i++) entries += blocks_[index + i * apart].entries;
    const bool hides = anythingEnds(store_, call_);
    const Scratch bias(hides ? entries * 4 : 0);
    if (!bias.ok()) return false;
    PagesTask tasks[mostTogether];
    int64_t plain = 0;
    float* own = bias.as<float>();
    for (int64_t i = 0; i < count; i++) {
      const Block& block = blocks_[index + i * apart];
      tasks[plain] = taskOf(index + i * apart);
      if (hides) {
        hide(block, own);
        tasks[plain].bias = own;
        own += block.entries;
      }
      const Lane& held = lane(block.stepLane);
      if (!shape_.options.rotatesAtWrite) {
        if (!readBlock(block, tasks[plain])) return false;
      } else if (held.open && block.firstSlot + block.entries == held.length) {
        openBlock(block, tasks[plain]);
      } else {
        plain++;
      }
    }
    if (plain > 0) kernels().attention->pages[static_cast<int>(shape_.options.codec)](tasks, plain);
    return true;
  }

  /** A block's task, with its softmax at the start. */
  PagesTask taskOf(int64_t index) const {
    const Block& block = blocks_[index];
    const int64_t group = shape_.group, dims = shape_.dims;
    float* partial = partials_ + index * partialFloats_;
    for (int64_t h = 0; h < group; h++) {
      partial[h] = noPeak;
      partial[group + h] = 0;
    }
    memset(partial + 2 * group, 0, static_cast<size_t>(group * dims) * 4);
    PagesTask task = {queries_ + block.stepLane * group * dims, group, dims, lane(block.stepLane).pages + block.firstPage,
                      block.pageCount, nullptr, 0, shape_.scalesOffset, nullptr, nullptr, longest_, partial, partial + group,
                      partial + 2 * group};
    if (index + 1 < blocks_.size()) {
      const Block& next = blocks_[index + 1];
      task.ahead = lane(next.stepLane).pages + next.firstPage;
      task.aheadCount = next.pageCount;
    }
    if (scores_ != nullptr) task.scores = scores_ + block.stepLane * group * longest_ + block.firstSlot;
    return task;
  }

  /** A block whose last entry is the open one, which counts in float32. */
  void openBlock(const Block& block, PagesTask task) const {
    PageSpan closed[2 * longBlock];
    memcpy(closed, task.pages, static_cast<size_t>(block.pageCount) * sizeof(PageSpan));
    closed[block.pageCount - 1].count--;
    task.pages = closed;
    task.aheadCount = 0;
    kernels().attention->pages[static_cast<int>(shape_.options.codec)](&task, 1);
    const PageSpan open = {reinterpret_cast<uint8_t*>(shape_.open(lane(block.stepLane).state)), 1};
    attendSpan(task, open, block.entries - 1);
  }

  /** Entries in float32 that lie one behind the other, as a page does. */
  void attendSpan(PagesTask task, const PageSpan& span, int64_t before) const {
    task.pages = &span;
    task.pageCount = 1;
    task.aheadCount = 0;
    if (task.bias != nullptr) task.bias += before;
    if (task.scores != nullptr) task.scores += before;
    kernels().attention->pages[static_cast<int>(EntryCodec::f32)](&task, 1);
  }

  /** Stores of un-rotated keys: entries are turned into float32 first. */
  bool readBlock(const Block& block, const PagesTask& task) const {
    const Scratch entries(mostPageSlots * shape_.dims * 8);
    if (!entries.ok()) return false;
    LaneReader reader(store_, call_, laneOf(store_, call_.step, block.stepLane));
    reader.seek(block.firstSlot);
    for (int64_t done = 0; done < block.entries; done += mostPageSlots) {
      const int64_t count = block.entries - done < mostPageSlots ? block.entries - done : mostPageSlots;
      reader.read(count, entries.as<float>(), nullptr);
      attendSpan(task, {entries.as<uint8_t>(), count}, done);
    }
    return true;
  }

  /** What the query may not see, as `hiddenScore`. */
  void hide(const Block& block, float* bias) const {
    const int64_t index = laneOf(store_, call_.step, block.stepLane);
    const int64_t now = call_.step.starts[block.stepLane / shape_.options.kvHeads];
    const Lane& held = store_.table[index];
    int64_t slot = block.firstSlot;
    for (int64_t p = block.firstPage; p < block.firstPage + block.pageCount; p++) {
      for (int64_t i = 0; i < held.pages[p].count; i++, slot++) {
        const bool seen = now < visibleUntil(store_, call_, index, held.pages[p].data, i, slot);
        bias[slot - block.firstSlot] = seen ? 0 : hiddenScore;
      }
    }
  }

  /** Joins the blocks `[first, end)` of a lane in order and writes its output and mass. */
  void join(int64_t stepLane, int64_t first, int64_t end) {
    const int64_t group = shape_.group, headDim = shape_.options.headDim;
    JoinTask task = {partials_ + first * partialFloats_, end - first, group, shape_.dims,
                     partials_ + blocks_.size() * partialFloats_, call_.out + stepLane * group * headDim, headDim, nullptr,
                     lane(stepLane).length, nullptr, longest_};
    if (call_.mass != nullptr) {
      task.mass = call_.mass + stepLane * call_.massSlots;
      task.scores = scores_ + stepLane * group * longest_;
    }
    kernels().attention->join(task);
  }

  const Store& store_;
  const AttendCall& call_;
  const StoreShape& shape_;
  const int64_t lanes_;
  int64_t longest_ = 0;
  int64_t entries_ = 0;
  int64_t partialFloats_ = 0;
  Growable<Block> blocks_;
  float* queries_ = nullptr;
  float* partials_ = nullptr;
  float* scores_ = nullptr;
};

}  // namespace

bool attendOne(const Store& store, const AttendCall& call) { return Decoding(store, call).run(); }

}  // namespace kvfold
