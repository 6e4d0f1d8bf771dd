// A cache in memory as the kernels read it, made from random lanes, and its entries in float32 for the references.
#pragma once
#include "../kernels/args/decode-attention.h"
#include "../kernels/math/bf16.h"
#include "check.h"

namespace kvfold::test {

struct LanesOptions {
  EntryCodec codec = EntryCodec::f32;
  int headDim = 32;
  int kvHeads = 1;
  int pageSlots = 16;
  /** Of each store lane. */
  std::vector<int> lengths;
  bool columns = false;
  int ringRows = 0;
  /** Merging: every second lane has an open entry in float32. */
  bool open = false;
};

/** Scale of int8 codes as the CPU kernels take it: the largest magnitude over 127. */
inline float codeScale(const float* x, int count) {
  float most = 0;
  for (int i = 0; i < count; i++) most = fmaxf(most, fabsf(x[i]));
  return most / 127.0f;
}

class Lanes {
 public:
  Lanes(const LanesOptions& options, uint64_t seed)
      : options_(options),
        layout_(entryLayout(options.codec, options.headDim, options.pageSlots, options.columns ? 2 : 0,
                            options.columns ? 0 : -1, options.columns ? 1 : -1, options.ringRows)),
        capacity_(capacityOf(options)),
        pages_(static_cast<size_t>(layout_.pageBytes) * (options.lengths.size() * capacity_ + 1)),
        table_(options.lengths.size() * capacity_),
        lengths_(options.lengths.size()),
        states_(static_cast<size_t>(layout_.stateBytes) * options.lengths.size() + 1),
        numbers_(seed) {
    const int lanes = static_cast<int>(options.lengths.size());
    // neighbours in a list lie apart in memory
    std::vector<int> ids(lanes * capacity_);
    for (size_t i = 0; i < ids.size(); i++) ids[i] = static_cast<int>(i) + 1;
    for (size_t i = ids.size(); i > 1; i--) std::swap(ids[i - 1], ids[numbers_.below(static_cast<unsigned>(i))]);
    keys_.resize(lanes);
    values_.resize(lanes);
    positions_.resize(lanes);
    untils_.resize(lanes);
    size_t used = 0;
    for (int lane = 0; lane < lanes; lane++) {
      lengths_[lane] = options.lengths[lane];
      for (int p = 0; p * options.pageSlots < options.lengths[lane]; p++) table_[lane * capacity_ + p] = ids[used++];
      for (int slot = 0; slot < options.lengths[lane]; slot++) put(lane, slot);
      if (layout_.stateBytes > 0) openLane(lane);
    }
  }

  LaneStore store() const {
    return {pages_.address(), table_.address(), lengths_.address(), layout_.stateBytes > 0 ? states_.address() : 0,
            capacity_, options_.kvHeads, layout_};
  }
  const EntryLayout& layout() const { return layout_; }
  const std::vector<float>& keys(int lane) const { return keys_[lane]; }
  const std::vector<float>& values(int lane) const { return values_[lane]; }
  int position(int lane, int slot) const { return positions_[lane][slot]; }
  int until(int lane, int slot) const { return untils_[lane][slot]; }
  int length(int lane) const { return lengths_[lane]; }

 private:
  static int capacityOf(const LanesOptions& options) {
    int longest = 1;
    for (int length : options.lengths) longest = length > longest ? length : longest;
    return (longest + options.pageSlots - 1) / options.pageSlots;
  }

  /** Writes one vector in the stored form and keeps what is read back. */
  void putVector(unsigned char* to, float* scale, std::vector<float>& kept) {
    const int dims = layout_.dims;
    std::vector<float> x(dims, 0.0f);
    for (int i = 0; i < options_.headDim; i++) x[i] = 2 * numbers_.next();
    const float step = codeScale(x.data(), dims);
    for (int i = 0; i < dims; i++) {
      float stored = x[i];
      if (options_.codec == EntryCodec::bf16) {
        const uint16_t bits = floatToBf16(x[i]);
        memcpy(to + 2 * i, &bits, 2);
        stored = bf16ToFloat(bits);
      } else if (options_.codec == EntryCodec::int8) {
        const int code = static_cast<int>(lrintf(x[i] / step));
        to[i] = static_cast<unsigned char>(code);
        stored = static_cast<float>(code) * step;
      } else {
        memcpy(to + 4 * i, &x[i], 4);
      }
      if (i < options_.headDim) kept.push_back(stored);
    }
    if (options_.codec == EntryCodec::int8) *scale = step;
  }

  void put(int lane, int slot) {
    unsigned char* page = pages_.data() + static_cast<size_t>(table_[lane * capacity_ + slot / options_.pageSlots]) * layout_.pageBytes;
    const int inPage = slot % options_.pageSlots, half = entryBytesOf(options_.codec, layout_.dims) / 2;
    float* scales = reinterpret_cast<float*>(page + layout_.scalesOffset) + 2 * inPage;
    putVector(page + 2 * inPage * half, scales, keys_[lane]);
    putVector(page + (2 * inPage + 1) * half, scales + 1, values_[lane]);
    positions_[lane].push_back(slot + slot / 3);
    untils_[lane].push_back(slot % 5 == 1 ? slot + 7 : 0x7fffffff);
    if (!options_.columns) {
      positions_[lane].back() = slot;
      untils_[lane].back() = 0x7fffffff;
      return;
    }
    int* columns = reinterpret_cast<int*>(page + layout_.columnsOffset);
    columns[inPage] = positions_[lane].back();
    columns[options_.pageSlots + inPage] = untils_[lane].back();
  }

  void openLane(int lane) {
    unsigned char* state = states_.data() + static_cast<size_t>(lane) * layout_.stateBytes;
    int* head = reinterpret_cast<int*>(state);
    const bool open = options_.open && lane % 2 == 0 && lengths_[lane] > 0 && layout_.openOffset != 0;
    head[0] = open ? 1 : 0;
    head[1] = open ? 1 : 0;
    if (!open) return;
    float* entry = reinterpret_cast<float*>(state + layout_.openOffset);
    const int last = (lengths_[lane] - 1) * options_.headDim;
    for (int i = 0; i < 2 * layout_.dims; i++) entry[i] = 0;
    for (int i = 0; i < options_.headDim; i++) {
      entry[i] = keys_[lane][last + i] = numbers_.next();
      entry[layout_.dims + i] = values_[lane][last + i] = numbers_.next();
    }
  }

  LanesOptions options_;
  EntryLayout layout_;
  int capacity_;
  Array<unsigned char> pages_;
  Array<int> table_;
  Array<int> lengths_;
  Array<unsigned char> states_;
  Numbers numbers_;
  std::vector<std::vector<float>> keys_, values_;
  std::vector<std::vector<int>> positions_, untils_;
};

}  // namespace kvfold::test
