// Decode attention in float32 throughout: plain products, several lanes of the warp to an entry, several entries at once.
#pragma once
#include "../store/stored-quad.h"
#include "decode-merge.h"
#include "decode-stream.h"

namespace kvfold {

/** Query heads that share one reading, whatever the codec: as many as there are registers for. */
constexpr int floatHeads = headsPerPass(EntryCodec::f32);

template <EntryCodec codec, int dims>
class FloatDecoder {
 public:
  static constexpr int heads = floatHeads;

  KVFOLD_DEVICE explicit FloatDecoder(const DecodeAttentionArgs& args)
      : args_(args), part_((threadIdx.x & 31) % perEntry), row_((threadIdx.x & 31) / perEntry) {}

  KVFOLD_DEVICE void begin(const TileNote& note) {
    const LaneHeads own = headsOf<heads>(args_, note.lane);
    KVFOLD_UNROLL
    for (int head = 0; head < heads; head++) {
      KVFOLD_UNROLL
      for (int i = 0; i < values; i++) {
        const int dim = dimOf(i);
        const bool real = head < own.count && dim < args_.store.layout.headDim;
        const float* q = at<const float>(args_.q) + (own.first + head) * args_.store.layout.headDim;
        q_[head][i] = real ? q[dim] * (args_.scale * log2OfE) : 0;
        sums_[head][i] = 0;
      }
      peak_[head] = hiddenScore;
      total_[head] = 0;
    }
  }

  KVFOLD_DEVICE void tile(const DecodeStream<codec, dims>& stream, int stage, const TileNote& note) {
    for (int first = 0; first < tileEntries; first += rows) {
      const int entry = first + row_;
      float weights[heads], numbers[values];
      readQuads(stream, stage, note, entry, 0, numbers);
      const bool seen = isVisible(args_, note, stream.positions(stage), stream.untils(stage), entry);
      KVFOLD_UNROLL
      for (int head = 0; head < heads; head++) {
        float score = 0;
        KVFOLD_UNROLL
        for (int i = 0; i < values; i++) score += q_[head][i] * numbers[i];
        score = overEntry(score);
        if (!seen) score = hiddenScore;
        if (args_.scores != 0 && entry < note.entries) keepScore(note, head, note.firstSlot + entry, score);
        const float peak = fmaxf(peak_[head], score);
        const float factor = exp2Fast(peak_[head] - peak);
        weights[head] = seen ? exp2Fast(score - peak) : 0;
        peak_[head] = peak;
        total_[head] = total_[head] * factor + weights[head];
        KVFOLD_UNROLL
        for (int i = 0; i < values; i++) sums_[head][i] *= factor;
      }
      // the value takes the registers of the key
      readQuads(stream, stage, note, entry, 1, numbers);
      KVFOLD_UNROLL
      for (int head = 0; head < heads; head++) {
        KVFOLD_UNROLL
        for (int i = 0; i < values; i++) sums_[head][i] += weights[head] * numbers[i];
      }
    }
  }

  /** The open entry, whose float32 form lies in the lane's state; pages of float32 hold it themselves. */
  KVFOLD_DEVICE void openEntry(const TileNote& note) {
    if (codec == EntryCodec::f32) return;
    const EntryLayout& layout = args_.store.layout;
    const float* open = at<const float>(args_.store.states + static_cast<int64_t>(note.storeLane) * layout.stateBytes + layout.openOffset);
    KVFOLD_UNROLL
    for (int head = 0; head < heads; head++) {
      float score = 0;
      KVFOLD_UNROLL
      for (int i = 0; i < values; i++) score += q_[head][i] * open[dimOf(i)];
      score = overEntry(score);
      if (args_.scores != 0) keepScore(note, head, at<const int>(args_.store.lengths)[note.storeLane] - 1, score);
      // one row of lanes takes it; the rows are joined at the end
      if (row_ != 0) continue;
      const float peak = fmaxf(peak_[head], score);
      const float factor = exp2Fast(peak_[head] - peak), weight = exp2Fast(score - peak);
      peak_[head] = peak;
      total_[head] = total_[head] * factor + weight;
      KVFOLD_UNROLL
      for (int i = 0; i < values; i++) sums_[head][i] = sums_[head][i] * factor + weight * open[dims + dimOf(i)];
    }
  }

  KVFOLD_DEVICE void finish(const TileNote& note, const TileShare& share, int worker) {
    const int* starts = at<const int>(args_.tileStarts);
    const bool whole = share.owner(starts[note.lane]) == share.owner(starts[note.lane + 1] - 1);
    const LaneHeads own = headsOf<heads>(args_, note.lane);
    const PartialSlot<heads, dims> slot(args_, worker, note.lane);
    KVFOLD_UNROLL
    for (int head = 0; head < heads; head++) {
      joinRows(head);
      if (row_ != 0 || head >= own.count) continue;
      const float factor = !whole ? 1 : total_[head] > 0 ? __fdividef(1, total_[head]) : 0;
      float* out = whole ? at<float>(args_.out) + (own.first + head) * args_.store.layout.headDim : slot.sums(head);
      KVFOLD_UNROLL
      for (int i = 0; i < values; i++) {
        if (!whole || dimOf(i) < args_.store.layout.headDim) out[dimOf(i)] = sums_[head][i] * factor;
      }
      if (part_ != 0) continue;
      if (whole) {
        writeLse(args_, own.first + head, peak_[head], total_[head]);
      } else {
        slot.peak(head) = peak_[head];
        slot.total(head) = total_[head];
      }
    }
    __syncwarp();
    if (!whole) arrive<heads, dims>(args_, share, note.lane);
  }

 private:
  /** Lanes to an entry, four floats of each 16 bytes. */
  static constexpr int perEntry = dims / 4 % 16 == 0 ? 16 : 8;
  static constexpr int rows = 32 / perEntry;
  static constexpr int values = dims / perEntry;

  /** This lane's numbers of an entry's key (part 0) or value (part 1). */
  KVFOLD_DEVICE void readQuads(const DecodeStream<codec, dims>& stream, int stage, const TileNote& note, int entry, int part,
                               float (&to)[values]) const {
    using Shape = TileShape<codec, dims>;
    constexpr int width = codec == EntryCodec::f32 ? 4 : codec == EntryCodec::bf16 ? 2 : 1;
    // behind the lane's end scales are whatever the page held
    const float scale = codec == EntryCodec::int8 && entry < note.entries ? stream.scales(stage)[2 * entry + part] : 0;
    KVFOLD_UNROLL
    for (int i = 0; i < values; i += 4) {
      const int byte = width * (part * dims + dimOf(i));
      const unsigned char* from = stream.entries(stage) + Shape::offsetOf(entry, byte / 16) + byte % 16;
      const float4 quad = codec == EntryCodec::f32    ? *reinterpret_cast<const float4*>(from)
                          : codec == EntryCodec::bf16 ? bf16Quad(*reinterpret_cast<const uint2*>(from))
                                                      : int8Quad(*reinterpret_cast<const uint32_t*>(from), scale);
      to[i] = quad.x, to[i + 1] = quad.y, to[i + 2] = quad.z, to[i + 3] = quad.w;
    }
  }

  KVFOLD_DEVICE static float overEntry(float score) {
    KVFOLD_UNROLL
    for (int step = 1; step < perEntry; step *= 2) score += __shfl_xor_sync(wholeWarp, score, step);
    return score;
  }

  KVFOLD_DEVICE int dimOf(int i) const { return (i / 4 * perEntry + part_) * 4 + i % 4; }

  KVFOLD_DEVICE void keepScore(const TileNote& note, int head, int slot, float score) const {
    const LaneHeads own = headsOf<heads>(args_, note.lane);
    if (part_ != 0 || head >= own.count || slot >= args_.scoreSlots) return;
    at<float>(args_.scores)[(own.first + head) * args_.scoreSlots + slot] = score;
  }

  /** The rows of lanes have a softmax of their own each. */
  KVFOLD_DEVICE void joinRows(int head) {
    KVFOLD_UNROLL
    for (int step = perEntry; step < 32; step *= 2) {
      const float peak = fmaxf(peak_[head], __shfl_xor_sync(wholeWarp, peak_[head], step));
      const float factor = exp2Fast(peak_[head] - peak);
      peak_[head] = peak;
      total_[head] *= factor;
      total_[head] += __shfl_xor_sync(wholeWarp, total_[head], step);
      KVFOLD_UNROLL
      for (int i = 0; i < values; i++) {
        sums_[head][i] *= factor;
        sums_[head][i] += __shfl_xor_sync(wholeWarp, sums_[head][i], step);
      }
    }
  }

  const DecodeAttentionArgs& args_;
  const int part_;
  const int row_;
  float q_[heads][values];
  float sums_[heads][values];
  float peak_[heads];
  float total_[heads];
};

}  // namespace kvfold
