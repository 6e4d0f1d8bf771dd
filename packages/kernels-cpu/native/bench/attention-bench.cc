#include "attention-bench.h"

#include <cstring>
#include <new>

#include "../store/attend.h"
#include "../store/write.h"
#include "../system/memory-pool.h"
#include "measure.h"

namespace kvfold::bench {
namespace {

constexpr int64_t kvHeads = 3, group = 3, headDim = 64, modelLayers = 30;
const char* const codecNames[] = {"f32", "bf16", "int8"};

StoreShape shapeOf(EntryCodec codec, int64_t pageSlots, bool merges) {
  StoreShape shape;
  makeShape({kvHeads * group, kvHeads, headDim, codec, pageSlots, merges ? 1 : 0, merges ? 0 : noColumn, noColumn, merges,
             merges ? 12 : noWindow, true},
            shape);
  return shape;
}

/** Caches of as many layers as a working set takes: of models of 30 layers, whose lanes take pages by turns. */
class Layers {
 public:
  Layers(EntryCodec codec, int64_t pageSlots, int64_t count, bool merges = false) : count_(count) {
    stores_ = static_cast<Store*>(malloc(static_cast<size_t>(count) * sizeof(Store)));
    for (int64_t i = 0; i < count; i++) {
      new (&stores_[i]) Store(shapeOf(codec, pageSlots, merges));
      const int32_t fresh[kvHeads] = {-1, -1, -1};
      stores_[i].table.select(stores_[i].table, fresh, kvHeads);
    }
    for (float& x : k_) x = 0.01f * static_cast<float>(&x - k_ - 50);
    for (float& x : q_) x = 0.02f * static_cast<float>((&x - q_) % 23 - 11);
    for (int64_t i = 0; i < kvHeads; i++) {
      omega_[i] = 0.5f;
      merge_[i] = 0;
    }
  }
  ~Layers() {
    for (int64_t i = 0; i < count_; i++) stores_[i].~Store();
    free(stores_);
  }
  Layers(const Layers&) = delete;
  Layers& operator=(const Layers&) = delete;

  /** Adds tokens to every layer, to one model after the other. */
  void fill(int64_t tokens) {
    for (int64_t first = 0; first < count_; first += modelLayers) {
      const int64_t end = first + modelLayers < count_ ? first + modelLayers : count_;
      for (int64_t t = 0; t < tokens; t++) append(static_cast<int32_t>(t), false, first, end);
    }
  }

  /** Adds a token to every layer. */
  void append(int32_t position, bool merge = false) { append(position, merge, 0, count_); }

  /** Adds a token to the layers `[first, end)`. */
  void append(int32_t position, bool merge, int64_t first, int64_t end) {
    const int32_t numbers[] = {0, 1, position};
    for (float& m : merge_) m = merge ? 1 : 0;
    for (int64_t i = first; i < end; i++) {
      const WriteCall call = {stepOf(numbers), k_, k_, cos_, cos_, headDim / 2, headDim - 1};
      if (stores_[i].shape().options.merges) writeMerge(stores_[i], call, merge_, omega_);
      else writeAppend(stores_[i], call, nullptr, nullptr);
    }
  }

  void crop(int64_t entries) {
    for (int64_t i = 0; i < count_ * kvHeads; i++) cropLane(stores_[0].shape(), stores_[i / kvHeads].table[i % kvHeads], entries);
  }

  void attendAll(int32_t position) {
    const int32_t numbers[] = {0, 1, position};
    for (int64_t i = 0; i < count_; i++) {
      AttendCall call = {};
      call.step = stepOf(numbers);
      call.q = q_;
      call.scale = 0.125f;
      call.window = call.recent = noLimit;
      call.out = out_;
      attend(stores_[i], call);
    }
  }

 private:
  static Step stepOf(const int32_t* numbers) { return {numbers, numbers + 1, numbers + 2, 1, 1}; }

  int64_t count_;
  Store* stores_;
  float k_[kvHeads * headDim];
  float q_[kvHeads * group * headDim];
  float out_[kvHeads * group * headDim];
  float cos_[headDim / 2] = {};
  float omega_[kvHeads];
  float merge_[kvHeads];
};

}  // namespace

namespace {

/** Bytes of an entry of all heads, its scales included. */
int64_t bytesOf(EntryCodec codec) {
  return (entryBytes(codec, headDim) + (codec == EntryCodec::int8 ? 8 : 0)) * kvHeads;
}

void measureDepth(InstructionSet set, EntryCodec codec, int64_t pageSlots, int64_t depth, int64_t layers, const char* detail,
                  const ReadCeiling& ceiling) {
  Layers cache(codec, pageSlots, layers);
  cache.fill(depth);
  const auto [time, read] = ceiling.beside([&] { cache.attendAll(static_cast<int32_t>(depth - 1)); });
  char text[96];
  snprintf(text, sizeof text, "%s, depth %d, pages of %d", detail, static_cast<int>(depth), static_cast<int>(pageSlots));
  report("decode-attention", set, codecNames[static_cast<int>(codec)], text, "GB/s",
         static_cast<double>(layers * depth * bytesOf(codec)), time, read);
}

}  // namespace

void measureDecoding(InstructionSet set, int64_t bytes, const char* detail, const ReadCeiling& ceiling) {
  constexpr int64_t usualDepth = 4096, usualSlots = 16;
  for (int c = 0; c < entryCodecCount; c++) {
    const EntryCodec codec = static_cast<EntryCodec>(c);
    for (int64_t depth = 512; depth <= 16384; depth *= depth == 4096 ? 4 : 8) {
      const int64_t layers = bytes / (bytesOf(codec) * depth);
      if (layers > 0) measureDepth(set, codec, usualSlots, depth, layers, detail, ceiling);
    }
    const int64_t layers = bytes / (bytesOf(codec) * usualDepth);
    for (int64_t slots = 8; layers > 0 && slots <= mostPageSlots; slots *= 2) {
      if (slots != usualSlots) measureDepth(set, codec, slots, usualDepth, layers, detail, ceiling);
    }
  }
}

void measureSteps(InstructionSet set, double ceiling) {
  constexpr int64_t layers = modelLayers, compression = 8;
  for (int c = 0; c < entryCodecCount; c++) {
    const EntryCodec codec = static_cast<EntryCodec>(c);
    for (int64_t depth = 512; depth <= 16384; depth *= 4) {
      for (int merging = 0; merging < 2; merging++) {
        Layers cache(codec, 16, layers, merging == 1);
        for (int64_t t = 0; t < depth; t++) cache.append(static_cast<int32_t>(t), merging == 1 && t % compression != 0);
        const int64_t entries = merging == 1 ? depth / compression : depth;
        const Timing time = measure([&] {
          cache.append(static_cast<int32_t>(depth), merging == 1);
          cache.attendAll(static_cast<int32_t>(depth));
          cache.crop(entries);
        });
        char text[96];
        snprintf(text, sizeof text, "depth %d, %s, %.1f us a layer", static_cast<int>(depth),
                 merging == 1 ? "merged by 8" : "all", 1e6 * time.median / layers);
        report("decode-step", set, codecNames[c], text, "GB/s", static_cast<double>(layers * entries * bytesOf(codec)), time,
               ceiling);
      }
    }
  }
}

void measurePrefill(InstructionSet set, double peak) {
  constexpr int64_t tokens = 512;
  const Scratch kv(tokens * kvHeads * headDim * 4), q(tokens * kvHeads * group * headDim * 4), out(tokens * kvHeads * group * headDim * 4);
  for (int64_t i = 0; i < tokens * kvHeads * headDim; i++) kv.as<float>()[i] = 0.01f * static_cast<float>(i % 97 - 48);
  for (int64_t i = 0; i < tokens * kvHeads * group * headDim; i++) q.as<float>()[i] = 0.01f * static_cast<float>(i % 89 - 44);
  const int32_t numbers[] = {0, tokens, 0};
  const Step step = {numbers, numbers + 1, numbers + 2, 1, tokens};
  Store store(shapeOf(EntryCodec::f32, 16, false));
  const int32_t fresh[kvHeads] = {-1, -1, -1};
  store.table.select(store.table, fresh, kvHeads);
  writeAppend(store, {step, kv.as<float>(), kv.as<float>(), nullptr, nullptr, 0, -1}, nullptr, nullptr);
  const Timing time = measure([&] {
    AttendCall call = {};
    call.step = step;
    call.q = q.as<float>();
    call.scale = 0.125f;
    call.window = call.recent = noLimit;
    call.out = out.as<float>();
    attend(store, call);
  });
  // the causal half of two products
  report("prefill-attention", set, "f32", "512 tokens", "GFLOP/s", 2.0 * tokens * tokens * headDim * kvHeads * group, time, peak);
}

void measureWrites(InstructionSet set) {
  for (int merging = 0; merging < 2; merging++) {
    constexpr int64_t layers = 30;
    Layers cache(EntryCodec::f32, 16, layers, merging == 1);
    int32_t position = 0;
    const Timing time = measure([&] {
      cache.append(position, position % 4 != 0);
      position++;
    });
    report("cache-write", set, "f32", merging == 1 ? "merging 3 of 4" : "append", "M tokens/s", 1e3 * layers, time, 0);
  }
}

}  // namespace kvfold::bench
