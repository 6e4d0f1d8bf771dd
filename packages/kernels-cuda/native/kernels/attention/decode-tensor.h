// Decode attention over bf16 and int8 entries on tensor cores. Scores are made turned, S^T [16 entries, 8 heads] = K q^T, so
// that the 8 columns of the small product are query heads and none is wasted; then out^T [dims, 8 heads] += V^T p^T. Queries
// and probabilities go in as two bf16 each, the rounded number and its rest: products with bf16 or int8 entries are then as
// good as in float32.
#pragma once
#include "../device/bf16-pairs.h"
#include "decode-merge.h"
#include "decode-stream.h"

namespace kvfold {

template <EntryCodec codec, int dims>
class TensorDecoder {
 public:
  static constexpr int heads = headsPerPass(codec);
  using Shape = TileShape<codec, dims>;

  KVFOLD_DEVICE explicit TensorDecoder(const DecodeAttentionArgs& args)
      : args_(args), g_((threadIdx.x & 31) >> 2), t_(threadIdx.x & 3) {}

  KVFOLD_DEVICE void begin(const TileNote& note) {
    const LaneHeads own = headsOf<heads>(args_, note.lane);
    const float* q = at<const float>(args_.q) + (own.first + g_) * args_.store.layout.headDim;
    const bool real = g_ < own.count;
    KVFOLD_UNROLL
    for (int step = 0; step < steps; step++) {
      KVFOLD_UNROLL
      for (int half = 0; half < 2; half++) {
        const int dim = queryDim(step, half);
        const float low = queryAt(q, dim, real), high = queryAt(q, dim + 1, real);
        q_[step][half] = packBf16(low, high);
        qRest_[step][half] = packBf16Rest(low, high, q_[step][half]);
      }
    }
    KVFOLD_UNROLL
    for (int tile = 0; tile < tiles; tile++) {
      KVFOLD_UNROLL
      for (int i = 0; i < 4; i++) sums_[tile][i] = 0;
    }
    peak_[0] = peak_[1] = hiddenScore;
    total_[0] = total_[1] = 0;
  }

  KVFOLD_DEVICE void tile(const DecodeStream<codec, dims>& stream, int stage, const TileNote& note) {
    float scores[4];
    score(stream, stage, scores);
    hide(stream, stage, note, scores);
    if (args_.scores != 0) keepScores(note, scores);
    // entries are the rows g and g + 8, heads the columns 2t and 2t + 1
    float factor[2];
    KVFOLD_UNROLL
    for (int head = 0; head < 2; head++) {
      const float peak = fmaxf(peak_[head], warpMax<4>(fmaxf(scores[head], scores[2 + head])));
      factor[head] = exp2Fast(peak_[head] - peak);
      peak_[head] = peak;
      KVFOLD_UNROLL
      for (int row = 0; row < 2; row++) {
        const float score = scores[2 * row + head];
        scores[2 * row + head] = score > hiddenScore ? exp2Fast(score - peak) : 0;
      }
      total_[head] = total_[head] * factor[head] + scores[head] + scores[2 + head];
    }
    if (codec == EntryCodec::int8) {
      KVFOLD_UNROLL
      for (int row = 0; row < 2; row++) {
        const float scale = g_ + 8 * row < note.entries ? stream.scales(stage)[2 * (g_ + 8 * row) + 1] : 0;
        scores[2 * row] *= scale;
        scores[2 * row + 1] *= scale;
      }
    }
    KVFOLD_UNROLL
    for (int m = 0; m < tiles; m++) {
      KVFOLD_UNROLL
      for (int i = 0; i < 4; i++) sums_[m][i] *= factor[i & 1];
    }
    addValues(stream.entries(stage), scores);
  }

  /** The open entry, whose float32 form lies in the lane's state. */
  KVFOLD_DEVICE void openEntry(const TileNote& note) {
    const EntryLayout& layout = args_.store.layout;
    const float* open = at<const float>(args_.store.states + static_cast<int64_t>(note.storeLane) * layout.stateBytes +
                                        layout.openOffset);
    const LaneHeads own = headsOf<heads>(args_, note.lane);
    const float* q = at<const float>(args_.q) + own.first * layout.headDim;
    const int thread = threadIdx.x & 31;
    float score[2] = {hiddenScore, hiddenScore};
    for (int head = 0; head < own.count; head++) {
      float product = 0;
      for (int dim = thread; dim < layout.headDim; dim += 32) product += q[head * layout.headDim + dim] * open[dim];
      product = warpSum(product) * args_.scale * log2OfE;
      // no index that is only known when it runs: the numbers stay in registers
      if (head == 2 * t_) score[0] = product;
      if (head == 2 * t_ + 1) score[1] = product;
      if (args_.scores != 0 && thread == 0) {
        const int slot = at<const int>(args_.store.lengths)[note.storeLane] - 1;
        if (slot < args_.scoreSlots) at<float>(args_.scores)[(own.first + head) * args_.scoreSlots + slot] = product;
      }
    }
    KVFOLD_UNROLL
    for (int head = 0; head < 2; head++) {
      const float peak = fmaxf(peak_[head], score[head]);
      const float factor = exp2Fast(peak_[head] - peak);
      const float weight = score[head] > hiddenScore ? exp2Fast(score[head] - peak) : 0;
      peak_[head] = peak;
      // each lane of a column holds a part of the total
      total_[head] = total_[head] * factor + (g_ == 0 ? weight : 0);
      KVFOLD_UNROLL
      for (int m = 0; m < tiles; m++) {
        KVFOLD_UNROLL
        for (int row = 0; row < 2; row++) {
          float& sum = sums_[m][2 * row + head];
          sum = sum * factor + weight * open[dims + valueDim(m, row)];
        }
      }
    }
  }

  KVFOLD_DEVICE void finish(const TileNote& note, const TileShare& share, int worker) {
    total_[0] = warpSum<4>(total_[0]);
    total_[1] = warpSum<4>(total_[1]);
    const int* starts = at<const int>(args_.tileStarts);
    const bool whole = share.owner(starts[note.lane]) == share.owner(starts[note.lane + 1] - 1);
    if (whole) {
      writeOut(note);
      return;
    }
    const PartialSlot<heads, dims> slot(args_, worker, note.lane);
    KVFOLD_UNROLL
    for (int head = 0; head < 2; head++) {
      KVFOLD_UNROLL
      for (int m = 0; m < tiles; m++) {
        KVFOLD_UNROLL
        for (int row = 0; row < 2; row++) slot.sums(2 * t_ + head)[valueDim(m, row)] = sums_[m][2 * row + head];
      }
      if (g_ == 0) {
        slot.peak(2 * t_ + head) = peak_[head];
        slot.total(2 * t_ + head) = total_[head];
      }
    }
    arrive<heads, dims>(args_, share, note.lane);
  }

 private:
  static constexpr int steps = dims / 16;  // of the product K q^T
  static constexpr int tiles = dims / 16;  // of the rows of V^T

  /** int8 takes dims in the order in which 8 bytes hold them; any order serves when keys and queries agree. */
  KVFOLD_DEVICE int queryDim(int step, int half) const {
    return codec == EntryCodec::int8 ? 32 * (step / 2) + 8 * t_ + 4 * (step & 1) + 2 * half : 16 * step + 2 * t_ + 8 * half;
  }

  /** Dim of row g (or g + 8) of a tile of out^T. */
  KVFOLD_DEVICE int valueDim(int m, int row) const {
    return codec == EntryCodec::int8 ? 16 * m + 2 * g_ + row : 16 * m + g_ + 8 * row;
  }

  KVFOLD_DEVICE float queryAt(const float* q, int dim, bool real) const {
    return real && dim < args_.store.layout.headDim ? q[dim] * (args_.scale * log2OfE) : 0;
  }

  /** K's tile of 16 dims as the left side of a product. */
  KVFOLD_DEVICE void keyTile(const unsigned char* entries, int step, uint32_t (&a)[4]) const {
    const int lane = threadIdx.x & 31;
    if (codec == EntryCodec::int8) {
      KVFOLD_UNROLL
      for (int row = 0; row < 2; row++) {
        const int byte = 32 * (step / 2) + 8 * t_ + 4 * (step & 1);
        const uint32_t word = *reinterpret_cast<const uint32_t*>(entries + Shape::offsetOf(g_ + 8 * row, byte / 16) + byte % 16);
        a[row] = int8ToBf16(word, bytes01);
        a[2 + row] = int8ToBf16(word, bytes23);
      }
    } else {
      loadMatrices(a, entries + Shape::offsetOf((lane >> 3 & 1) * 8 + (lane & 7), 2 * step + (lane >> 4)));
    }
  }

  KVFOLD_DEVICE void score(const DecodeStream<codec, dims>& stream, int stage, float (&scores)[4]) const {
    float main[4] = {}, rest[4] = {};
    KVFOLD_UNROLL
    for (int step = 0; step < steps; step++) {
      uint32_t a[4];
      keyTile(stream.entries(stage), step, a);
      multiplyBf16(main, a, q_[step][0], q_[step][1]);
      multiplyBf16(rest, a, qRest_[step][0], qRest_[step][1]);
    }
    KVFOLD_UNROLL
    for (int i = 0; i < 4; i++) {
      scores[i] = main[i] + rest[i];
      if (codec == EntryCodec::int8) scores[i] *= stream.scales(stage)[2 * (g_ + 8 * (i >> 1))];
    }
  }

  KVFOLD_DEVICE void hide(const DecodeStream<codec, dims>& stream, int stage, const TileNote& note, float (&scores)[4]) const {
    if (note.entries == tileEntries && args_.queryPositions == 0) return;
    KVFOLD_UNROLL
    for (int row = 0; row < 2; row++) {
      if (isVisible(args_, note, stream.positions(stage), stream.untils(stage), g_ + 8 * row)) continue;
      scores[2 * row] = scores[2 * row + 1] = hiddenScore;
    }
  }

  KVFOLD_DEVICE void keepScores(const TileNote& note, const float (&scores)[4]) const {
    const LaneHeads own = headsOf<heads>(args_, note.lane);
    KVFOLD_UNROLL
    for (int i = 0; i < 4; i++) {
      const int head = 2 * t_ + (i & 1), slot = note.firstSlot + g_ + 8 * (i >> 1);
      if (head >= own.count || slot >= note.firstSlot + note.entries || slot >= args_.scoreSlots) continue;
      at<float>(args_.scores)[(own.first + head) * args_.scoreSlots + slot] = scores[i];
    }
  }

  /** Adds V^T p^T; a halfword of int8 holds two dims, so one load serves two tiles of rows. */
  KVFOLD_DEVICE void addValues(const unsigned char* entries, const float (&p)[4]) {
    const uint32_t first = packBf16(p[0], p[1]), second = packBf16(p[2], p[3]);
    const uint32_t b0 = turnMatrix(first), b1 = turnMatrix(second);
    const uint32_t rest0 = turnMatrix(packBf16Rest(p[0], p[1], first)), rest1 = turnMatrix(packBf16Rest(p[2], p[3], second));
    const int lane = threadIdx.x & 31, row = (lane >> 4) * 8 + (lane & 7), which = lane >> 3 & 1;
    if (codec == EntryCodec::int8) {
      KVFOLD_UNROLL
      for (int m = 0; m < tiles; m += 2) {
        uint32_t words[4];  // of dims 16 m and, odd, of the 16 after; entries 0-7, then 8-15
        loadMatricesTurned(words, entries + Shape::offsetOf(row, dims / 16 + m + which));
        KVFOLD_UNROLL
        for (int half = 0; half < 2; half++) {
          const uint32_t a[4] = {int8ToBf16(words[half], bytes02), int8ToBf16(words[half], bytes13),
                                 int8ToBf16(words[2 + half], bytes02), int8ToBf16(words[2 + half], bytes13)};
          multiplyBf16(sums_[m + half], a, b0, b1);
          multiplyBf16(sums_[m + half], a, rest0, rest1);
        }
      }
    } else {
      KVFOLD_UNROLL
      for (int m = 0; m < tiles; m++) {
        uint32_t a[4];
        loadMatricesTurned(a, entries + Shape::offsetOf(row, dims / 8 + 2 * m + which));
        multiplyBf16(sums_[m], a, b0, b1);
        multiplyBf16(sums_[m], a, rest0, rest1);
      }
    }
  }

  KVFOLD_DEVICE void writeOut(const TileNote& note) const {
    const LaneHeads own = headsOf<heads>(args_, note.lane);
    KVFOLD_UNROLL
    for (int head = 0; head < 2; head++) {
      if (2 * t_ + head >= own.count) continue;
      const float share = total_[head] > 0 ? __fdividef(1, total_[head]) : 0;
      float* out = at<float>(args_.out) + (own.first + 2 * t_ + head) * args_.store.layout.headDim;
      KVFOLD_UNROLL
      for (int m = 0; m < tiles; m++) {
        KVFOLD_UNROLL
        for (int row = 0; row < 2; row++) {
          const int dim = valueDim(m, row);
          if (dim < args_.store.layout.headDim) out[dim] = sums_[m][2 * row + head] * share;
        }
      }
      if (g_ == 0) writeLse(args_, own.first + 2 * t_ + head, peak_[head], total_[head]);
    }
  }

  const DecodeAttentionArgs& args_;
  const int g_;
  const int t_;
  uint32_t q_[steps][2];
  uint32_t qRest_[steps][2];
  float sums_[tiles][4];
  float peak_[2];
  float total_[2];
};

}  // namespace kvfold
