// The work on a chunk of entries: scores of their keys, and their weighted values.
#pragma once
#include "attention-ahead.h"
#include "attention-integers.h"
#include "attention-stored.h"
#include "simd-reduce.h"

namespace kvfold::KVFOLD_ISA {
namespace {

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
constexpr bool inIntegers = codec == EntryCodec::int8 && fixed >= pieceDims;
#else
constexpr bool inIntegers = false;
#endif

/** Head sizes for which loops have a fixed length; 0: any. */
constexpr int anyDims = 0;

template <int fixed>
KVFOLD_INLINE int64_t dimsOf(const PagesTask& task) {
  return fixed == anyDims ? task.dims : fixed;
}

/**
 * Products of four entries (fewer: the last repeats) with `heads` heads, into the sums of each head. `asks`: asks for half the
 * memory that is worked on.
 */
template <EntryCodec codec, int heads, int fixed, bool asks>
KVFOLD_INLINE void fourScores(const PagesTask& task, const float* q, const uint8_t* slot, int64_t slotBytes, int64_t count,
                              int quad, NextLines& ahead, QuadSums* out) {
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
      if constexpr (asks) ahead.askAmong<together * width * storedBytes<codec>, together>(i / width, e, keys[e]);
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
                              int64_t first, NextLines& ahead, float* out, int64_t stride) {
  const int64_t dims = dimsOf<fixed>(task);
  const int64_t slotBytes = 2 * dims * storedBytes<codec>;
  QuadSums sums[heads];
  KVFOLD_UNROLL
  for (int quad = 0; quad < sumsTogether / together; quad++) {
    const int64_t e = first + quad * together;
    if (!whole && e >= page.count) break;
    const uint8_t* slot = page.data + e * slotBytes;
    const int64_t count = whole || page.count - e > together ? together : page.count - e;
#if defined(__AVX512VNNI__)
    if constexpr (inIntegers<codec, fixed>) {
      const uint8_t* slots[together];
      KVFOLD_UNROLL
      for (int i = 0; i < together; i++) slots[i] = slot + (i < count ? i : count - 1) * slotBytes;
      fourWordScores<heads, fixed>(queries.words, slots, quad, ahead, sums);
      continue;
    }
#endif
    const float* q = queries.q;
    constexpr int inFull = heads / headsTogether * headsTogether;
    KVFOLD_UNROLL
    for (int h = 0; h < inFull; h += headsTogether) {
      if (h == 0) fourScores<codec, headsTogether, fixed, true>(task, q, slot, slotBytes, count, quad, ahead, sums);
      else fourScores<codec, headsTogether, fixed, false>(task, q + h * dims, slot, slotBytes, count, quad, ahead, sums + h);
    }
    if constexpr (inFull < heads) {
      fourScores<codec, heads - inFull, fixed, inFull == 0>(task, q + inFull * dims, slot, slotBytes, count, quad, ahead,
                                                            sums + inFull);
    }
  }
  KVFOLD_UNROLL
  for (int h = 0; h < heads; h++) sums[h].finish(out + h * stride + first);
}

/** Scores of one page for all heads of the pass, at `out[head * stride]`; up to 15 floats behind its end are written too. */
template <EntryCodec codec, int heads, int fixed>
KVFOLD_INLINE void pageScores(const PagesTask& task, const Queries<codec, heads, fixed>& queries, const PageSpan& page,
                              NextLines& ahead, float* out, int64_t stride) {
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
template <EntryCodec codec, int heads, int vectors, int fixed>
KVFOLD_INLINE void addValues(const PagesTask& task, int64_t firstPage, int64_t endPage, const float* weights, int64_t stride,
                             const float* corrections, int64_t i, float* sums, NextLines& ahead) {
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
    for (int64_t e = 0; e < page.count; e++, value += slotBytes, weights++) {
      F vector[vectors];
      KVFOLD_UNROLL
      for (int v = 0; v < vectors; v++) {
        vector[v] = S::vector(value, v * width);
        if (heads > 1) hold(vector[v]);
        ahead.askAmong<vectors * width * S::bytes, vectors>(e, v, vector[v]);
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

}  // namespace
}  // namespace kvfold::KVFOLD_ISA
