// Prefill attention on tensor cores. A block takes 64 queries of one lane, the heads of a token's group side by side, so that
// each entry is read once for the group; entries come in the form they are stored in. Queries and probabilities go in as two
// bf16 each, float32 entries too.
#pragma once
#include "../device/bf16-pairs.h"
#include "../device/warp.h"
#include "../math/fast-exp.h"
#include "prefill-lane.h"

namespace kvfold {

template <EntryCodec codec, int dims>
class PrefillBlock {
 public:
  KVFOLD_DEVICE PrefillBlock(const PrefillAttentionArgs& args, unsigned char* shared)
      : args_(args), its_(args), queries_(shared), stages_(shared + rows * dims * 4), g_((threadIdx.x & 31) >> 2), t_(threadIdx.x & 3),
        warpRow_(static_cast<int>(threadIdx.x) / 32 * 16) {}

  KVFOLD_DEVICE void run() {
    loadQueries();
    const int entries = its_.lastEntry();
    const int tiles = (entries + tileSize - 1) / tileSize;
    copyTile(0, entries, tiles);
    for (int tile = 0; tile < tiles; tile++) {
      copyTile(tile + 1, entries, tiles);
      waitForCopies<1>();
      __syncthreads();
      addTile(stages_ + tile % prefillStages * stageBytes, tile * tileSize, entries);
      __syncthreads();
    }
    waitForCopies<0>();
    __syncthreads();
    if (args_.own != 0) addOwn();
    write();
  }

 private:
  static constexpr int rows = prefillRows(dims), tileSize = prefillEntries(dims);
  static constexpr int threads = 2 * rows;
  static constexpr int entryBytes = entryBytesOf(codec, dims), chunks = entryBytes / 16;
  static constexpr int stageBytes = prefillStageBytes(codec, dims);
  static constexpr int swizzle = chunks % 8 == 0 ? 7 : 3;
  static constexpr int querySwizzle = dims % 64 == 0 ? 7 : 3;
  static constexpr int steps = dims / 16, groups = tileSize / 8, outs = dims / 8;

  static KVFOLD_DEVICE int offsetOf(int entry, int chunk) { return entry * entryBytes + (chunk ^ (entry & swizzle)) * 16; }
  static KVFOLD_DEVICE int byteOffset(int entry, int byte) { return offsetOf(entry, byte / 16) + byte % 16; }

  /** Queries as words `[rows, dims / 2]`, main then rest; words of a row change places by the row. */
  KVFOLD_DEVICE uint32_t* queryWord(int part, int row, int word) const {
    return reinterpret_cast<uint32_t*>(queries_) + (part * rows + row) * (dims / 2) + (word ^ (row & querySwizzle) << 2);
  }

  KVFOLD_DEVICE void loadQueries() {
    const int headDim = args_.store.layout.headDim;
    const float factor = args_.scale * log2OfE;
    for (int i = threadIdx.x; i < rows * dims / 2; i += threads) {
      const int row = i / (dims / 2), word = i % (dims / 2), dim = 2 * word;
      float low = 0, high = 0;
      if (its_.isReal(row)) {
        const float* q = at<const float>(args_.q) + its_.queryOf(row) * headDim;
        low = dim < headDim ? q[dim] * factor : 0;
        high = dim + 1 < headDim ? q[dim + 1] * factor : 0;
      }
      const Pair pair = pairOf(low, high);
      *queryWord(0, row, word) = pair.main;
      *queryWord(1, row, word) = pair.rest;
    }
    __syncthreads();
  }

  KVFOLD_DEVICE void copyTile(int tile, int entries, int tiles) {
    if (tile < tiles) {
      const EntryLayout& layout = args_.store.layout;
      const int first = tile * tileSize;
      unsigned char* stage = stages_ + tile % prefillStages * stageBytes;
      for (int i = threadIdx.x; i < tileSize * chunks; i += threads) {
        const int entry = i / chunks, chunk = i % chunks, slot = first + entry;
        const bool inside = slot < entries;
        const unsigned char* page = its_.pageAt(inside ? slot : 0);
        copyAsync16(stage + offsetOf(entry, chunk), page + (inside ? slot % layout.pageSlots : 0) * entryBytes + chunk * 16, inside);
      }
      // a number of an entry each: scale of the key and of the value, position, end, and from when it is seen
      for (int i = threadIdx.x; i < 5 * tileSize; i += threads) {
        const int kind = i / tileSize, entry = i % tileSize, slot = first + entry;
        int* to = reinterpret_cast<int*>(stage + tileSize * entryBytes) + i;
        if (slot < entries) *to = noteOf(kind, slot);
      }
    }
    commitCopies();
  }

  KVFOLD_DEVICE int noteOf(int kind, int slot) const {
    const EntryLayout& layout = args_.store.layout;
    if (kind == 2) return its_.positionOf(slot);
    if (kind == 3) return its_.untilOf(slot);
    if (kind == 4) return its_.fromOf(slot);
    return codec == EntryCodec::int8 ? reinterpret_cast<const int*>(its_.pageAt(slot) + layout.scalesOffset)[2 * (slot % layout.pageSlots) + kind] : 0;
  }

  static KVFOLD_DEVICE const int* notes(const unsigned char* stage, int kind) {
    return reinterpret_cast<const int*>(stage + tileSize * entryBytes) + kind * tileSize;
  }

  /** Dim of the first number of a word of the product with keys; int8 takes the order in which 8 bytes hold them. */
  KVFOLD_DEVICE int keyDim(int step, int half) const {
    return codec == EntryCodec::int8 ? 32 * (step / 2) + 8 * t_ + 4 * (step & 1) + 2 * half : 16 * step + 2 * t_ + 8 * half;
  }
  /** Dim of column g of a tile of 8 outputs; int8 tiles come in pairs that share halfwords. */
  KVFOLD_DEVICE int valueDim(int tile, int column) const {
    return codec == EntryCodec::int8 ? 16 * (tile / 2) + 2 * column + (tile & 1) : 8 * tile + column;
  }

  KVFOLD_DEVICE void addTile(const unsigned char* stage, int firstSlot, int entries) {
    float scores[groups][4] = {};
    score(stage, scores);
    hide(stage, firstSlot, entries, scores);
    KVFOLD_UNROLL
    for (int half = 0; half < 2; half++) {
      float peak = peak_[half];
      KVFOLD_UNROLL
      for (int n = 0; n < groups; n++) peak = fmaxf(peak, fmaxf(scores[n][2 * half], scores[n][2 * half + 1]));
      peak = fmaxf(peak, __shfl_xor_sync(wholeWarp, peak, 1));
      peak = fmaxf(peak, __shfl_xor_sync(wholeWarp, peak, 2));
      const float factor = exp2Fast(peak_[half] - peak);
      peak_[half] = peak;
      float total = 0;
      KVFOLD_UNROLL
      for (int n = 0; n < groups; n++) {
        KVFOLD_UNROLL
        for (int i = 2 * half; i < 2 * half + 2; i++) {
          scores[n][i] = scores[n][i] > hiddenScore ? exp2Fast(scores[n][i] - peak) : 0;
          total += scores[n][i];
        }
      }
      total_[half] = total_[half] * factor + total;
      KVFOLD_UNROLL
      for (int tile = 0; tile < outs; tile++) {
        sums_[tile][2 * half] *= factor;
        sums_[tile][2 * half + 1] *= factor;
      }
    }
    addValues(stage, scores);
  }

  KVFOLD_DEVICE void score(const unsigned char* stage, float (&scores)[groups][4]) const {
    // by fours: beside the sums of large heads there are no registers for factors that are loaded early
    KVFOLD_UNROLL_BY(4)
    for (int step = 0; step < steps; step++) {
      uint32_t main[4], rest[4];
      KVFOLD_UNROLL
      for (int i = 0; i < 4; i++) {
        const int row = warpRow_ + g_ + 8 * (i & 1), word = keyDim(step, i >> 1) / 2;
        main[i] = *queryWord(0, row, word);
        rest[i] = *queryWord(1, row, word);
      }
      KVFOLD_UNROLL
      for (int n = 0; n < groups; n++) {
        const Pair first = keyPair(stage, 8 * n + g_, step, 0), second = keyPair(stage, 8 * n + g_, step, 1);
        multiplyBf16(scores[n], main, first.main, second.main);
        multiplyBf16(scores[n], rest, first.main, second.main);
        if (codec == EntryCodec::f32) multiplyBf16(scores[n], main, first.rest, second.rest);
      }
    }
    if (codec == EntryCodec::int8) {
      KVFOLD_UNROLL
      for (int n = 0; n < groups; n++) {
        KVFOLD_UNROLL
        for (int i = 0; i < 4; i++) scores[n][i] *= __int_as_float(notes(stage, 0)[8 * n + 2 * t_ + (i & 1)]);
      }
    }
  }

  KVFOLD_DEVICE Pair keyPair(const unsigned char* stage, int entry, int step, int half) const {
    const int dim = keyDim(step, half);
    if (codec == EntryCodec::f32) {
      const float2 pair = *reinterpret_cast<const float2*>(stage + byteOffset(entry, 4 * dim));
      return pairOf(pair.x, pair.y);
    }
    if (codec == EntryCodec::bf16) return {*reinterpret_cast<const uint32_t*>(stage + byteOffset(entry, 2 * dim)), 0};
    const uint32_t word = *reinterpret_cast<const uint16_t*>(stage + byteOffset(entry, dim));
    return {int8ToBf16(word, bytes01), 0};
  }

  KVFOLD_DEVICE void hide(const unsigned char* stage, int firstSlot, int entries, float (&scores)[groups][4]) const {
    KVFOLD_UNROLL
    for (int n = 0; n < groups; n++) {
      KVFOLD_UNROLL
      for (int i = 0; i < 4; i++) {
        const int entry = 8 * n + 2 * t_ + (i & 1);
        const bool seen = firstSlot + entry < entries && its_.sees(warpRow_ + g_ + 8 * (i >> 1), {notes(stage, 2)[entry], notes(stage, 3)[entry], notes(stage, 4)[entry]});
        if (!seen) scores[n][i] = hiddenScore;
      }
    }
  }

  KVFOLD_DEVICE void addValues(const unsigned char* stage, float (&p)[groups][4]) {
    if (codec == EntryCodec::int8) {
      KVFOLD_UNROLL
      for (int n = 0; n < groups; n++) {
        KVFOLD_UNROLL
        for (int i = 0; i < 4; i++) {
          if (p[n][i] > 0) p[n][i] *= __int_as_float(notes(stage, 1)[8 * n + 2 * t_ + (i & 1)]);
        }
      }
    }
    KVFOLD_UNROLL
    for (int n = 0; n < groups; n += 2) {
      // scores of two groups of 8 entries are, as they lie, the left factor of 16 entries
      const Pair pairs[4] = {pairOf(p[n][0], p[n][1]), pairOf(p[n][2], p[n][3]), pairOf(p[n + 1][0], p[n + 1][1]),
                             pairOf(p[n + 1][2], p[n + 1][3])};
      const uint32_t main[4] = {pairs[0].main, pairs[1].main, pairs[2].main, pairs[3].main};
      const uint32_t rest[4] = {pairs[0].rest, pairs[1].rest, pairs[2].rest, pairs[3].rest};
      addValueTiles(stage, 8 * n, main, rest);
    }
  }

  KVFOLD_DEVICE void addValueTiles(const unsigned char* stage, int entry, const uint32_t (&main)[4], const uint32_t (&rest)[4]) {
    const int lane = threadIdx.x & 31, row = entry + (lane >> 3 & 1) * 8 + (lane & 7);
    if (codec == EntryCodec::f32) {
      KVFOLD_UNROLL
      for (int tile = 0; tile < outs; tile++) {
        const int byte = 4 * (dims + valueDim(tile, g_));
        float v[4];
        KVFOLD_UNROLL
        for (int i = 0; i < 4; i++) {
          v[i] = *reinterpret_cast<const float*>(stage + byteOffset(entry + 2 * t_ + (i & 1) + 8 * (i >> 1), byte));
        }
        const Pair first = pairOf(v[0], v[1]), second = pairOf(v[2], v[3]);
        multiplyBf16(sums_[tile], main, first.main, second.main);
        multiplyBf16(sums_[tile], rest, first.main, second.main);
        multiplyBf16(sums_[tile], main, first.rest, second.rest);
      }
    } else if (codec == EntryCodec::bf16) {
      KVFOLD_UNROLL
      for (int tile = 0; tile < outs; tile += 2) {
        uint32_t b[4];
        loadMatricesTurned(b, stage + offsetOf(row, dims / 8 + tile + (lane >> 4)));
        multiplyBf16(sums_[tile], main, b[0], b[1]);
        multiplyBf16(sums_[tile], rest, b[0], b[1]);
        multiplyBf16(sums_[tile + 1], main, b[2], b[3]);
        multiplyBf16(sums_[tile + 1], rest, b[2], b[3]);
      }
    } else {
      KVFOLD_UNROLL
      for (int tile = 0; tile < outs; tile += 4) {
        uint32_t words[4];
        loadMatricesTurned(words, stage + offsetOf(row, dims / 16 + tile / 2 + (lane >> 4)));
        KVFOLD_UNROLL
        for (int i = 0; i < 4; i++) {
          const unsigned half = (i & 1) != 0 ? bytes13 : bytes02;
          const uint32_t b0 = int8ToBf16(words[i & 2], half), b1 = int8ToBf16(words[(i & 2) + 1], half);
          multiplyBf16(sums_[tile + i], main, b0, b1);
          multiplyBf16(sums_[tile + i], rest, b0, b1);
        }
      }
    }
  }

  /** Each query's own state, in float32. */
  KVFOLD_DEVICE void addOwn() {
    const int headDim = args_.store.layout.headDim, thread = threadIdx.x & 31;
    float score[2] = {hiddenScore, hiddenScore};
    for (int row = 0; row < 16; row++) {
      float product = 0;
      const bool real = its_.isReal(warpRow_ + row);
      if (real) {
        const float* q = at<const float>(args_.q) + its_.queryOf(warpRow_ + row) * headDim;
        const float* key = its_.ownOf(warpRow_ + row, dims);
        for (int dim = thread; dim < headDim; dim += 32) product += q[dim] * key[dim];
      }
      product = warpSum(product) * args_.scale * log2OfE;
      // no index that is only known when it runs: the numbers stay in registers
      if (real && row == g_) score[0] = product;
      if (real && row == g_ + 8) score[1] = product;
    }
    KVFOLD_UNROLL
    for (int half = 0; half < 2; half++) {
      const int row = warpRow_ + g_ + 8 * half;
      if (!its_.isReal(row)) continue;
      const float peak = fmaxf(peak_[half], score[half]);
      const float factor = exp2Fast(peak_[half] - peak), weight = exp2Fast(score[half] - peak);
      peak_[half] = peak;
      // the four lanes of a row hold parts of its total
      total_[half] = total_[half] * factor + (t_ == 0 ? weight : 0);
      const float* value = its_.ownOf(row, dims) + dims;
      KVFOLD_UNROLL
      for (int tile = 0; tile < outs; tile++) {
        KVFOLD_UNROLL
        for (int i = 0; i < 2; i++) {
          float& sum = sums_[tile][2 * half + i];
          sum = sum * factor + weight * value[valueDim(tile, 2 * t_ + i)];
        }
      }
    }
  }

  KVFOLD_DEVICE void write() const {
    KVFOLD_UNROLL
    for (int half = 0; half < 2; half++) {
      const int row = warpRow_ + g_ + 8 * half;
      float total = total_[half];
      total += __shfl_xor_sync(wholeWarp, total, 1);
      total += __shfl_xor_sync(wholeWarp, total, 2);
      if (its_.tokenOf(row) >= args_.tokens) continue;
      const float share = its_.isReal(row) && total > 0 ? __fdividef(1, total) : 0;
      float* out = at<float>(args_.out) + its_.queryOf(row) * args_.store.layout.headDim;
      KVFOLD_UNROLL
      for (int tile = 0; tile < outs; tile++) {
        KVFOLD_UNROLL
        for (int i = 0; i < 2; i++) {
          const int dim = valueDim(tile, 2 * t_ + i);
          if (dim < args_.store.layout.headDim) out[dim] = sums_[tile][2 * half + i] * share;
        }
      }
      if (args_.lse == 0 || t_ != 0) continue;
      at<float>(args_.lse)[its_.queryOf(row)] = share > 0 ? (peak_[half] + log2f(total)) * lnOf2 : -__int_as_float(0x7f800000);
    }
  }

  const PrefillAttentionArgs& args_;
  const PrefillLane<rows> its_;
  unsigned char* queries_;
  unsigned char* stages_;
  const int g_;
  const int t_;
  const int warpRow_;
  float peak_[2] = {hiddenScore, hiddenScore};
  float total_[2] = {};
  float sums_[outs][4] = {};
};

template <EntryCodec codec, int dims>
KVFOLD_DEVICE void prefillAttention(const PrefillAttentionArgs& args) {
  KVFOLD_DYNAMIC_SHARED(shared);
  PrefillBlock<codec, dims>(args, shared).run();
}

}  // namespace kvfold
