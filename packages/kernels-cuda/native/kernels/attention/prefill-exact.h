// Prefill attention in float32 throughout. A block takes the queries of `PrefillLane`; entries of any codec become float32 in
// shared memory.
#pragma once
#include "../args/prefill-exact.h"
#include "../device/float-tile.h"
#include "../store/stored-quad.h"
#include "prefill-lane.h"

namespace kvfold {

template <int dims>
class ExactPrefillBlock {
 public:
  KVFOLD_DEVICE ExactPrefillBlock(const PrefillAttentionArgs& args, float* shared)
      : args_(args), its_(args), queries_(shared), keys_(queries_ + Tile::ownedFloats), values_(keys_ + Tile::stagedFloats),
        weights_(values_ + Tile::stagedFloats), notes_(reinterpret_cast<int*>(weights_ + Tile::weightFloats)) {}

  KVFOLD_DEVICE void run() {
    const int headDim = args_.store.layout.headDim;
    Tile::fill(queries_, rows, [&](int row, int dim) {
      const bool real = its_.isReal(row);
      const float* q = at<const float>(args_.q) + (real ? its_.queryOf(row) : 0) * headDim;
      return quadOf(q, dim, real ? headDim : 0, args_.scale * log2OfE);
    });
    const int entries = its_.lastEntry();
    for (int first = 0; first < entries; first += tileSize) {
      __syncthreads();
      load(first, entries);
      __syncthreads();
      typename Tile::Products scores = {};
      Tile::multiply(queries_, keys_, scores);
      hide(entries - first, scores);
      softmax_.weigh(scores, sums_);
      Tile::addWeighted(scores, weights_, values_, sums_);
    }
    __syncthreads();
    if (args_.own != 0) addOwn();
    write();
  }

 private:
  static constexpr int rows = prefillRows(dims), tileSize = prefillEntries(dims), threads = 2 * rows;
  using Tile = FloatTile<rows, tileSize, dims, threads>;

  KVFOLD_DEVICE void load(int first, int entries) {
    const EntryLayout& layout = args_.store.layout;
    for (int part = 0; part < 2; part++) {
      Tile::fill(part == 0 ? keys_ : values_, tileSize, [&](int entry, int dim) {
        const int slot = first + entry;
        if (slot >= entries) return make_float4(0, 0, 0, 0);
        return storedQuad(layout, its_.pageAt(slot), slot % layout.pageSlots, part * dims + dim);
      });
    }
    for (int i = threadIdx.x; i < 3 * tileSize; i += threads) {
      const int kind = i / tileSize, slot = first + i % tileSize;
      if (slot < entries) notes_[i] = kind == 0 ? its_.positionOf(slot) : kind == 1 ? its_.untilOf(slot) : its_.fromOf(slot);
    }
  }

  /** @param left entries from the tile's first on */
  KVFOLD_DEVICE void hide(int left, typename Tile::Products& scores) const {
    KVFOLD_UNROLL
    for (int j = 0; j < Tile::columns; j++) {
      const int entry = Tile::column(j);
      KVFOLD_UNROLL
      for (int i = 0; i < Tile::own; i++) {
        const bool seen = entry < left && its_.sees(Tile::vector(i), {notes_[entry], notes_[tileSize + entry], notes_[2 * tileSize + entry]});
        if (!seen) scores[i][j] = hiddenScore;
      }
    }
  }

  /** Each query's own state. */
  KVFOLD_DEVICE void addOwn() {
    KVFOLD_UNROLL
    for (int i = 0; i < Tile::own; i++) {
      const int row = Tile::vector(i);
      const bool real = its_.isReal(row);
      const float* state = its_.ownOf(real ? row : 0, dims);
      float score = 0;
      for (int k = 0; real && k < 4 * Tile::quads; k++) score += queries_[row * Tile::stride + Tile::dim(k)] * state[Tile::dim(k)];
      score = Tile::overGroup(score);
      if (!real) continue;
      softmax_.raise(i, fmaxf(softmax_.peak[i], score), sums_);
      const float weight = exp2Fast(score - softmax_.peak[i]);
      // the lanes of a group hold parts of its total
      softmax_.total[i] += Tile::part() == 0 ? weight : 0;
      KVFOLD_UNROLL
      for (int k = 0; k < 4 * Tile::quads; k++) sums_[i][k] += weight * state[dims + Tile::dim(k)];
    }
  }

  KVFOLD_DEVICE void write() const {
    const int headDim = args_.store.layout.headDim;
    KVFOLD_UNROLL
    for (int i = 0; i < Tile::own; i++) {
      const int row = Tile::vector(i);
      const float total = softmax_.whole(i);
      if (its_.tokenOf(row) >= args_.tokens) continue;
      const float share = its_.isReal(row) && total > 0 ? __fdividef(1, total) : 0;
      float* out = at<float>(args_.out) + its_.queryOf(row) * headDim;
      KVFOLD_UNROLL
      for (int k = 0; k < 4 * Tile::quads; k++) {
        if (Tile::dim(k) < headDim) out[Tile::dim(k)] = sums_[i][k] * share;
      }
      if (args_.lse == 0 || Tile::part() != 0) continue;
      at<float>(args_.lse)[its_.queryOf(row)] = share > 0 ? (softmax_.peak[i] + log2f(total)) * lnOf2 : -__int_as_float(0x7f800000);
    }
  }

  const PrefillAttentionArgs& args_;
  const PrefillLane<rows> its_;
  float* queries_;
  float* keys_;
  float* values_;
  float* weights_;
  int* notes_;
  typename Tile::Softmax softmax_;
  typename Tile::Sums sums_ = {};
};

template <int dims>
KVFOLD_DEVICE void prefillExact(const PrefillAttentionArgs& args) {
  KVFOLD_DYNAMIC_SHARED(shared);
  ExactPrefillBlock<dims>(args, reinterpret_cast<float*>(shared)).run();
}

}  // namespace kvfold
