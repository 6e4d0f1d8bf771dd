// Decoding: one query position of a lane over its pages. Keys and values are read once for all heads of the group.
#include "attention.h"
#include "attention-parts.h"
#include "simd-exp.h"
#include "simd-reduce.h"

namespace kvfold::KVFOLD_ISA {

namespace {

template <EntryCodec codec>
struct Stored;

template <>
struct Stored<EntryCodec::f32> {
  static constexpr int64_t bytes = 4;
  KVFOLD_INLINE F vector(const uint8_t* slot, int64_t i) { return load(reinterpret_cast<const float*>(slot) + i); }
};
template <>
struct Stored<EntryCodec::bf16> {
  static constexpr int64_t bytes = 2;
  KVFOLD_INLINE F vector(const uint8_t* slot, int64_t i) { return loadBf16(reinterpret_cast<const uint16_t*>(slot) + i); }
};
template <>
struct Stored<EntryCodec::int8> {
  static constexpr int64_t bytes = 1;
  KVFOLD_INLINE F vector(const uint8_t* slot, int64_t i) { return toFloats(loadSigned(slot + i)); }
};

/** Entries whose softmax is taken together: their weights wait in the first-level cache beside their values. */
constexpr int64_t chunkEntries = 64;
/** Entries whose scores are summed side by side. */
constexpr int together = 4;

#if defined(__AVX512F__)
constexpr int headsTogether = 4;
constexpr int mostSums = 16;
#else
constexpr int headsTogether = 2;
constexpr int mostSums = 8;
#endif

/** Scores of four entries (fewer: the last repeats) for `heads` heads: `out[head][entry]`. */
template <EntryCodec codec, int heads>
KVFOLD_INLINE void fourScores(const PagesTask& task, const float* q, const uint8_t* slot, int64_t slotBytes, int64_t count,
                              float* out, int64_t stride) {
  using S = Stored<codec>;
  const uint8_t* slots[together];
  KVFOLD_UNROLL
  for (int e = 0; e < together; e++) slots[e] = slot + (e < count ? e : count - 1) * slotBytes;
  F sums[heads][together];
  KVFOLD_UNROLL
  for (int h = 0; h < heads; h++) {
    KVFOLD_UNROLL
    for (int e = 0; e < together; e++) sums[h][e] = all(0);
  }
  for (int64_t i = 0; i < task.dims; i += width) {
    F keys[together];
    KVFOLD_UNROLL
    for (int e = 0; e < together; e++) keys[e] = S::vector(slots[e], i);
    KVFOLD_UNROLL
    for (int h = 0; h < heads; h++) {
      const F query = load(q + h * task.dims + i);
      KVFOLD_UNROLL
      for (int e = 0; e < together; e++) sums[h][e] = fma(keys[e], query, sums[h][e]);
    }
  }
  KVFOLD_UNROLL
  for (int h = 0; h < heads; h++) sumsOfFour(sums[h][0], sums[h][1], sums[h][2], sums[h][3], out + h * stride);
}

template <EntryCodec codec>
KVFOLD_INLINE void askFor(const uint8_t* slot, int64_t bytes) {
  for (int64_t line = 0; line < bytes; line += 64) __builtin_prefetch(slot + line);
}

/** Scores of one page for all heads of the pass, at `out[head * stride]`. */
template <EntryCodec codec, int heads>
KVFOLD_INLINE void pageScores(const PagesTask& task, const float* q, const PageSpan& page, const uint8_t* next, float* out,
                              int64_t stride) {
  const int64_t slotBytes = 2 * task.dims * Stored<codec>::bytes;
  for (int64_t e = 0; e < page.count; e += together) {
    const uint8_t* slot = page.data + e * slotBytes;
    const int64_t count = page.count - e < together ? page.count - e : together;
    if (next != nullptr) askFor<codec>(next + e * slotBytes, together * slotBytes);
    int h = 0;
    if constexpr (heads >= headsTogether) {
      KVFOLD_UNROLL
      for (; h + headsTogether <= heads; h += headsTogether) {
        fourScores<codec, headsTogether>(task, q + h * task.dims, slot, slotBytes, count, out + e + h * stride, stride);
      }
    }
    if constexpr (heads % headsTogether != 0) {
      fourScores<codec, heads % headsTogether>(task, q + h * task.dims, slot, slotBytes, count, out + e + h * stride, stride);
    }
  }
  if constexpr (codec == EntryCodec::int8) {
    const float* scales = reinterpret_cast<const float*>(page.data + task.scalesOffset);
    for (int h = 0; h < heads; h++) {
      for (int64_t e = 0; e < page.count; e++) out[h * stride + e] *= scales[2 * e];
    }
  }
}

/** Adds the weighted values of pages to `vectors` vectors of the sums, from channel `i` on. */
template <EntryCodec codec, int heads, int vectors>
KVFOLD_INLINE void addValues(const PagesTask& task, const PageSpan* pages, int64_t pageCount, const float* weights,
                             int64_t stride, const float* corrections, int64_t i, float* sums) {
  using S = Stored<codec>;
  const int64_t slotBytes = 2 * task.dims * S::bytes;
  F acc[heads][vectors];
  KVFOLD_UNROLL
  for (int h = 0; h < heads; h++) {
    const F correction = all(corrections[h]);
    KVFOLD_UNROLL
    for (int v = 0; v < vectors; v++) acc[h][v] = mul(load(sums + h * task.dims + i + v * width), correction);
  }
  for (int64_t p = 0; p < pageCount; p++) {
    const uint8_t* value = pages[p].data + task.dims * S::bytes;
    for (int64_t e = 0; e < pages[p].count; e++, value += slotBytes, weights++) {
      F vector[vectors];
      KVFOLD_UNROLL
      for (int v = 0; v < vectors; v++) vector[v] = S::vector(value, i + v * width);
      KVFOLD_UNROLL
      for (int h = 0; h < heads; h++) {
        const F weight = all(weights[h * stride]);
        KVFOLD_UNROLL
        for (int v = 0; v < vectors; v++) acc[h][v] = fma(weight, vector[v], acc[h][v]);
      }
    }
  }
  KVFOLD_UNROLL
  for (int h = 0; h < heads; h++) {
    KVFOLD_UNROLL
    for (int v = 0; v < vectors; v++) store(sums + h * task.dims + i + v * width, acc[h][v]);
  }
}

/** `heads` heads of the group, from `firstHead`. */
template <EntryCodec codec, int heads>
void pagesOf(const PagesTask& task, int64_t firstHead) {
  // Room for the repeated entries of the last four and for a whole last vector.
  constexpr int64_t stride = chunkEntries + 16;
  alignas(64) float scores[heads * stride];
  const float* q = task.q + firstHead * task.dims;
  float* sums = task.sums + firstHead * task.dims;
  int64_t done = 0;
  for (int64_t p = 0; p < task.pageCount;) {
    int64_t end = p, entries = 0;
    for (; end < task.pageCount && entries + task.pages[end].count <= chunkEntries; end++) {
      const uint8_t* next = end + 1 < task.pageCount ? task.pages[end + 1].data : task.after;
      pageScores<codec, heads>(task, q, task.pages[end], firstHead == 0 ? next : nullptr, scores + entries, stride);
      entries += task.pages[end].count;
    }
    float corrections[heads];
    for (int h = 0; h < heads; h++) {
      float* row = scores + h * stride;
      if (task.bias != nullptr) {
        for (int64_t e = 0; e < entries; e++) row[e] += task.bias[done + e];
      }
      if (task.scores != nullptr) {
        memcpy(task.scores + (firstHead + h) * task.scoresStride + done, row, static_cast<size_t>(entries) * 4);
      }
      corrections[h] = toWeights(row, entries, task.peak[firstHead + h], task.total[firstHead + h]);
    }
    if constexpr (codec == EntryCodec::int8) {
      int64_t at = 0;
      for (int64_t i = p; i < end; i++) {
        const float* scales = reinterpret_cast<const float*>(task.pages[i].data + task.scalesOffset);
        for (int64_t e = 0; e < task.pages[i].count; e++, at++) {
          for (int h = 0; h < heads; h++) scores[h * stride + at] *= scales[2 * e + 1];
        }
      }
    }
    constexpr int vectors = mostSums / heads >= 4 ? 4 : mostSums / heads >= 2 ? 2 : 1;
    int64_t i = 0;
    for (; i + vectors * width <= task.dims; i += vectors * width) {
      addValues<codec, heads, vectors>(task, task.pages + p, end - p, scores, stride, corrections, i, sums);
    }
    for (; i < task.dims; i += width) {
      addValues<codec, heads, 1>(task, task.pages + p, end - p, scores, stride, corrections, i, sums);
    }
    done += entries;
    p = end;
  }
}

template <EntryCodec codec>
void pages(const PagesTask& task) {
  for (int64_t head = 0; head < task.group; head += 4) {
    switch (task.group - head) {
      case 1: pagesOf<codec, 1>(task, head); break;
      case 2: pagesOf<codec, 2>(task, head); break;
      case 3: pagesOf<codec, 3>(task, head); break;
      default: pagesOf<codec, 4>(task, head);
    }
  }
}

}  // namespace

extern const AttentionKernels attentionKernels;
const AttentionKernels attentionKernels = {
    {pages<EntryCodec::f32>, pages<EntryCodec::bf16>, pages<EntryCodec::int8>}, attendBlock, massOfBlock};

}  // namespace kvfold::KVFOLD_ISA
