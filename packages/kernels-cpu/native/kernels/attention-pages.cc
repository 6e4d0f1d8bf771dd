// Decoding: one query position of a lane over its pages. Keys and values are read once for all heads of the group.
#include "attention.h"
#include "attention-integers.h"
#include "attention-parts.h"
#include "attention-stored.h"
#include "simd-reduce.h"

namespace kvfold::KVFOLD_ISA {

namespace {

/** Entries whose softmax is taken together, or one page: they stay in the first-level cache from keys to values. */
template <EntryCodec codec>
constexpr int64_t chunkEntries = codec == EntryCodec::f32 ? 32 : codec == EntryCodec::bf16 ? 64 : 128;

#if defined(__AVX512F__)
constexpr int headsTogether = 4;
constexpr int mostSums = 16;
#else
constexpr int headsTogether = 2;
constexpr int mostSums = 8;
#endif

/**
 * Two neighbouring bfloat16 are one number of 32 bits: a shift gives the even one and a mask the odd one, where taking
 * sixteen in a row apart needs a shuffle too. Queries and sums are then kept in the order evens, odds.
 */
template <EntryCodec codec, int fixed>
constexpr bool inPairs = codec == EntryCodec::bf16 && fixed != 0 && width > 8;

/** Sums into the order that values come in, or back. */
template <EntryCodec codec, int fixed>
KVFOLD_INLINE void turnSums(const float* from, int64_t count, float* to, bool forth) {
  if constexpr (codec == EntryCodec::bf16) {
    if (forth) toPairs(from, count, to);
    else fromPairs(from, count, to);
  }
#if defined(__AVX512VNNI__)
  if constexpr (codec == EntryCodec::int8) {
    for (int64_t at = 0; at < count; at += pieceDims) interleavePiece(from + at, to + at);
  }
#endif
}

/** Whether products are taken in integers; see attention-integers.h. */
template <EntryCodec codec, int fixed>
#if defined(__AVX512VNNI__)
constexpr bool inIntegers = codec == EntryCodec::int8 && fixed != 0;
#else
constexpr bool inIntegers = false;
#endif

/** Head sizes for which loops have a fixed length; 0: any. */
constexpr int anyDims = 0;

template <int fixed>
KVFOLD_INLINE int64_t dimsOf(const PagesTask& task) {
  return fixed == anyDims ? task.dims : fixed;
}

/** Products of four entries (fewer: the last repeats) with `heads` heads, into the sums of each head. */
template <EntryCodec codec, int heads, int fixed>
KVFOLD_INLINE void fourScores(const PagesTask& task, const float* q, const uint8_t* slot, int64_t slotBytes, int64_t count,
                              int quad, QuadSums* out) {
  const uint8_t* slots[together];
  KVFOLD_UNROLL
  for (int e = 0; e < together; e++) slots[e] = slot + (e < count ? e : count - 1) * slotBytes;
  F sums[heads][together];
  KVFOLD_UNROLL
  for (int h = 0; h < heads; h++) {
    KVFOLD_UNROLL
    for (int e = 0; e < together; e++) sums[h][e] = all(0);
  }
  const int64_t dims = dimsOf<fixed>(task);
#pragma GCC unroll 4
  for (int64_t i = 0; i < dims; i += width) {
    F keys[together];
    KVFOLD_UNROLL
    for (int e = 0; e < together; e++) {
      keys[e] = Stored<codec, inPairs<codec, fixed>>::vector(slots[e], i);
      if (heads > 1) hold(keys[e]);
    }
    KVFOLD_UNROLL
    for (int h = 0; h < heads; h++) {
      const F query = load(q + h * dims + i);
      KVFOLD_UNROLL
      for (int e = 0; e < together; e++) sums[h][e] = fma(keys[e], query, sums[h][e]);
    }
  }
  KVFOLD_UNROLL
  for (int h = 0; h < heads; h++) out[h].put(quad, sums[h][0], sums[h][1], sums[h][2], sums[h][3]);
}

/** The queries of a pass in the form that products are taken in. */
template <EntryCodec codec, int heads, int fixed>
struct Queries {
  const float* q;
  alignas(64) float pairs[inPairs<codec, fixed> ? heads * fixed : 1];
  alignas(64) int16_t words[inIntegers<codec, fixed> ? heads * fixed : 1];
  float units[heads];

  explicit Queries(const float* from) : q(from) {
    if constexpr (inPairs<codec, fixed>) {
      toPairs(from, heads * fixed, pairs);
      q = pairs;
    }
#if defined(__AVX512VNNI__)
    if constexpr (inIntegers<codec, fixed>) {
      for (int h = 0; h < heads; h++) units[h] = queryWords(from + h * fixed, fixed, words + h * fixed);
    }
#endif
  }
};

/** Scores of a page's entries from `first` on, at most `sumsTogether`; `whole`: there are as many. */
template <EntryCodec codec, int heads, int fixed, bool whole>
KVFOLD_INLINE void someScores(const PagesTask& task, const Queries<codec, heads, fixed>& queries, const PageSpan& page,
                              int64_t first, const Ahead& ahead, float* out, int64_t stride) {
  const int64_t dims = dimsOf<fixed>(task);
  const int64_t slotBytes = 2 * dims * storedBytes<codec>;
  QuadSums sums[heads];
  KVFOLD_UNROLL
  for (int quad = 0; quad < sumsTogether / together; quad++) {
    const int64_t e = first + quad * together;
    if (!whole && e >= page.count) break;
    const uint8_t* slot = page.data + e * slotBytes;
    const int64_t count = whole || page.count - e > together ? together : page.count - e;
    ahead.ask(e, slotBytes);
#if defined(__AVX512VNNI__)
    if constexpr (inIntegers<codec, fixed>) {
      const uint8_t* slots[together];
      KVFOLD_UNROLL
      for (int i = 0; i < together; i++) slots[i] = slot + (i < count ? i : count - 1) * slotBytes;
      fourWordScores<heads, fixed>(queries.words, slots, quad, sums);
      continue;
    }
#endif
    const float* q = queries.q;
    int h = 0;
    if constexpr (heads >= headsTogether) {
      KVFOLD_UNROLL
      for (; h + headsTogether <= heads; h += headsTogether) {
        fourScores<codec, headsTogether, fixed>(task, q + h * dims, slot, slotBytes, count, quad, sums + h);
      }
    }
    if constexpr (heads % headsTogether != 0) {
      fourScores<codec, heads % headsTogether, fixed>(task, q + h * dims, slot, slotBytes, count, quad, sums + h);
    }
  }
  KVFOLD_UNROLL
  for (int h = 0; h < heads; h++) sums[h].finish(out + h * stride + first);
}

/** Scores of one page for all heads of the pass, at `out[head * stride]`; up to 15 floats behind its end are written too. */
template <EntryCodec codec, int heads, int fixed>
KVFOLD_INLINE void pageScores(const PagesTask& task, const Queries<codec, heads, fixed>& queries, const PageSpan& page,
                              const Ahead& ahead, float* out, int64_t stride) {
  int64_t first = 0;
  for (; first + sumsTogether <= page.count; first += sumsTogether) {
    someScores<codec, heads, fixed, true>(task, queries, page, first, ahead, out, stride);
  }
  if (first < page.count) someScores<codec, heads, fixed, false>(task, queries, page, first, ahead, out, stride);
  const float* scales = reinterpret_cast<const float*>(page.data + task.scalesOffset);
#if defined(__AVX512VNNI__)
  if constexpr (inIntegers<codec, fixed>) {
    for (first = 0; first < page.count; first += width) {
      const F scale = scalesOf(scales, first, page.count, 0);
      KVFOLD_UNROLL
      for (int h = 0; h < heads; h++) {
        float* at = out + h * stride + first;
        store(at, mul(load(at), mul(scale, all(queries.units[h]))));
      }
    }
    return;
  }
#endif
  if constexpr (codec == EntryCodec::int8) {
    for (int h = 0; h < heads; h++) {
      for (int64_t e = 0; e < page.count; e++) out[h * stride + e] *= scales[2 * e];
    }
  }
}

/** Adds the weighted values of some pages to `vectors` vectors of the sums, from channel `i` on; corrects them first. */
template <EntryCodec codec, int heads, int vectors, int fixed, class Asked>
KVFOLD_INLINE void addValues(const PagesTask& task, int64_t firstPage, int64_t endPage, const float* weights, int64_t stride,
                             const float* corrections, int64_t i, float* sums, Asked&& asked) {
  using S = Stored<codec, inPairs<codec, fixed>>;
  const int64_t dims = dimsOf<fixed>(task);
  const int64_t slotBytes = 2 * dims * S::bytes;
  F acc[heads][vectors];
  KVFOLD_UNROLL
  for (int h = 0; h < heads; h++) {
    const F correction = all(corrections[h]);
    KVFOLD_UNROLL
    for (int v = 0; v < vectors; v++) acc[h][v] = mul(load(sums + h * dims + i + v * width), correction);
  }
  for (int64_t p = firstPage; p < endPage; p++) {
    const PageSpan& page = task.pages[p];
    const uint8_t* value = page.data + (dims + i) * S::bytes;
    Ahead ahead = {};
    if (i == 0) ahead = asked(endPage - firstPage + p - firstPage);
    for (int64_t e = 0; e < page.count; e++, value += slotBytes, weights++) {
      if (i == 0 && e % together == 0) ahead.ask(e, slotBytes);
      F vector[vectors];
      KVFOLD_UNROLL
      for (int v = 0; v < vectors; v++) {
        vector[v] = S::vector(value, v * width);
        if (heads > 1) hold(vector[v]);
      }
      KVFOLD_UNROLL
      for (int h = 0; h < heads; h++) {
        const F share = all(weights[h * stride]);
        KVFOLD_UNROLL
        for (int v = 0; v < vectors; v++) acc[h][v] = fma(share, vector[v], acc[h][v]);
      }
    }
  }
  KVFOLD_UNROLL
  for (int h = 0; h < heads; h++) {
    KVFOLD_UNROLL
    for (int v = 0; v < vectors; v++) store(sums + h * dims + i + v * width, acc[h][v]);
  }
}

/** `heads` heads of the group, from `firstHead`. */
template <EntryCodec codec, int heads, int fixed>
void pagesOf(const PagesTask& task, int64_t firstHead) {
  // Room for the repeated entries of the last four and for a whole last vector.
  constexpr int64_t stride = chunkEntries<codec> + 32;
  alignas(64) float scores[heads * stride];
  const int64_t dims = dimsOf<fixed>(task);
  const Queries<codec, heads, fixed> queries(task.q + firstHead * dims);
  // the order of channels that values come in
  constexpr bool turns = inPairs<codec, fixed> || inIntegers<codec, fixed>;
  alignas(64) float turnedSums[turns ? heads * fixed : 1];
  float* sums = turns ? turnedSums : task.sums + firstHead * dims;
  if constexpr (turns) turnSums<codec, fixed>(task.sums + firstHead * dims, heads * dims, turnedSums, true);
  Softmax softmax[heads];
  KVFOLD_UNROLL
  for (int h = 0; h < heads; h++) softmax[h].start(task.peak[firstHead + h]);
  int64_t done = 0;
  for (int64_t p = 0; p < task.pageCount;) {
    int64_t end = p + 1, entries = task.pages[p].count;
    while (end < task.pageCount && end - p < mostPagesOfChunk && entries + task.pages[end].count <= chunkEntries<codec>) {
      entries += task.pages[end++].count;
    }
    if (entries == 0) {
      p = end;
      continue;
    }
    // as many pages as this chunk has, behind it
    const uint8_t* next[mostPagesOfChunk];
    for (int64_t i = 0; i < end - p; i++) {
      const int64_t page = end + i, beyond = page - task.pageCount;
      next[i] = firstHead > 0 || beyond >= task.aheadCount ? task.pages[p].data
                : beyond < 0                              ? task.pages[page].data
                                                          : task.ahead[beyond].data;
    }
    // with the keys of each page, and again with its values, each stream moves by an eighth of a page
    const auto asked = [&](int64_t step) {
      Ahead ahead;
      KVFOLD_UNROLL
      for (int s = 0; s < streams; s++) {
        const uint64_t at = static_cast<uint64_t>(s * 2 * (end - p) + step);
        ahead.from[s] = next[at / (2 * streams)] + at % (2 * streams) * static_cast<uint64_t>(task.scalesOffset) / (2 * streams);
      }
      return ahead;
    };
    float* row = scores;
    for (int64_t i = p; i < end; row += task.pages[i].count, i++) {
      pageScores<codec, heads, fixed>(task, queries, task.pages[i], asked(i - p), row, stride);
    }
    float corrections[heads];
    KVFOLD_UNROLL
    for (int h = 0; h < heads; h++) {
      row = scores + h * stride;
      if (task.bias != nullptr) {
        // not a sum: what is hidden may be NaN
        for (int64_t e = 0; e < entries; e++) row[e] = task.bias[done + e] < 0 ? hiddenScore : row[e];
      }
      if (task.scores != nullptr) {
        memcpy(task.scores + (firstHead + h) * task.scoresStride + done, row, static_cast<size_t>(entries) * 4);
      }
      corrections[h] = softmax[h].toWeights(row, entries);
    }
#if defined(__AVX512VNNI__)
    if constexpr (inIntegers<codec, fixed>) {
      addCodes<heads, fixed>(task, p, end, scores, stride, corrections, sums, asked);
      done += entries;
      p = end;
      continue;
    }
#endif
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
    for (; i + vectors * width <= dims; i += vectors * width) {
      addValues<codec, heads, vectors, fixed>(task, p, end, scores, stride, corrections, i, sums, asked);
    }
    if constexpr (fixed == anyDims) {
      for (; i < dims; i += width) addValues<codec, heads, 1, fixed>(task, p, end, scores, stride, corrections, i, sums, asked);
    }
    done += entries;
    p = end;
  }
  KVFOLD_UNROLL
  for (int h = 0; h < heads; h++) softmax[h].end(task.peak[firstHead + h], task.total[firstHead + h]);
  if constexpr (turns) turnSums<codec, fixed>(turnedSums, heads * dims, task.sums + firstHead * dims, false);
}

template <EntryCodec codec, int fixed>
void pagesOfAll(const PagesTask& task) {
  for (int64_t head = 0; head < task.group; head += 4) {
    switch (task.group - head) {
      case 1: pagesOf<codec, 1, fixed>(task, head); break;
      case 2: pagesOf<codec, 2, fixed>(task, head); break;
      case 3: pagesOf<codec, 3, fixed>(task, head); break;
      default: pagesOf<codec, 4, fixed>(task, head);
    }
  }
}

template <EntryCodec codec>
void pages(const PagesTask* tasks, int64_t count) {
  if constexpr (hasSixteen) {
    if (tasks->dims == 32 || tasks->dims == 64 || tasks->dims == 128) return attendSixteen(codec, tasks, count);
  }
  for (const PagesTask* task = tasks; task < tasks + count; task++) {
    if constexpr (width > 8) {
      if (task->dims == 64) {
        pagesOfAll<codec, 64>(*task);
        continue;
      }
      if (task->dims == 128) {
        pagesOfAll<codec, 128>(*task);
        continue;
      }
    }
    pagesOfAll<codec, anyDims>(*task);
  }
}

}  // namespace

extern const AttentionKernels attentionKernels;
const AttentionKernels attentionKernels = {
    {pages<EntryCodec::f32>, pages<EntryCodec::bf16>, pages<EntryCodec::int8>}, attendBlock, massOfBlock,
    hasSixteen ? 4 : 1};

}  // namespace kvfold::KVFOLD_ISA
