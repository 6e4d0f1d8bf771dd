// Decoding: one query position of a lane over its pages. Keys and values are read once for all heads of the group.
#include "attention.h"
#include "attention-parts.h"
#include "simd-exp.h"
#include "simd-reduce.h"

namespace kvfold::KVFOLD_ISA {

namespace {

/** Even or odd channels of `2 * width` bfloat16. */
KVFOLD_INLINE F evenBf16(const uint16_t* p) {
#if defined(__AVX512F__)
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_loadu_si512(p), 16));
#elif defined(__AVX2__)
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)), 16));
#else
  return loadBf16(p);
#endif
}
KVFOLD_INLINE F oddBf16(const uint16_t* p) {
#if defined(__AVX512F__)
  return _mm512_castsi512_ps(_mm512_and_si512(_mm512_loadu_si512(p), _mm512_set1_epi32(-65536)));
#elif defined(__AVX2__)
  const __m256i two = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return _mm256_castsi256_ps(_mm256_and_si256(two, _mm256_set1_epi32(-65536)));
#else
  return loadBf16(p);
#endif
}

/** Reads stored vectors. `pairs` vectors come as those of even and those of odd channels; see `inPairs`. */
template <EntryCodec codec, bool pairs>
struct Stored;

template <bool pairs>
struct Stored<EntryCodec::f32, pairs> {
  static constexpr int64_t bytes = 4;
  KVFOLD_INLINE F vector(const uint8_t* slot, int64_t i) { return load(reinterpret_cast<const float*>(slot) + i); }
};
template <>
struct Stored<EntryCodec::bf16, false> {
  static constexpr int64_t bytes = 2;
  KVFOLD_INLINE F vector(const uint8_t* slot, int64_t i) { return loadBf16(reinterpret_cast<const uint16_t*>(slot) + i); }
};
template <>
struct Stored<EntryCodec::bf16, true> {
  static constexpr int64_t bytes = 2;
  KVFOLD_INLINE F vector(const uint8_t* slot, int64_t i) {
    const uint16_t* two = reinterpret_cast<const uint16_t*>(slot) + i / (2 * width) * (2 * width);
    return i / width % 2 == 0 ? evenBf16(two) : oddBf16(two);
  }
};
template <bool pairs>
struct Stored<EntryCodec::int8, pairs> {
  static constexpr int64_t bytes = 1;
  KVFOLD_INLINE F vector(const uint8_t* slot, int64_t i) { return toFloats(loadSigned(slot + i)); }
};

/** Entries whose softmax is taken together, or one page: they stay in the first-level cache from keys to values. */
constexpr int64_t chunkEntries = 32;
/** Entries whose scores are summed side by side. */
constexpr int together = 4;

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
constexpr bool inPairs = codec == EntryCodec::bf16 && fixed != 0 && width > 4;

/** From channels in a row to evens and odds of each pair of vectors, and back. */
KVFOLD_INLINE void toPairs(const float* from, int64_t count, float* to) {
  for (int64_t at = 0; at < count; at += 2 * width) {
    for (int i = 0; i < width; i++) {
      to[at + i] = from[at + 2 * i];
      to[at + width + i] = from[at + 2 * i + 1];
    }
  }
}
KVFOLD_INLINE void fromPairs(const float* from, int64_t count, float* to) {
  for (int64_t at = 0; at < count; at += 2 * width) {
    for (int i = 0; i < width; i++) {
      to[at + 2 * i] = from[at + i];
      to[at + 2 * i + 1] = from[at + width + i];
    }
  }
}

/** Keeps a loaded vector in its register: several products use it, and loading it again costs more than all else. */
KVFOLD_INLINE void hold(F& v) {
#if defined(__x86_64__)
#if defined(__AVX512F__)
  __asm__("" : "+v"(v));
#else
  __asm__("" : "+x"(v));
#endif
#endif
}

template <EntryCodec codec>
constexpr int64_t storedBytes = Stored<codec, false>::bytes;

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
  using S = Stored<codec, inPairs<codec, fixed>>;
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
      keys[e] = S::vector(slots[e], i);
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

/** Asks for a piece of memory, in order, so that the processor goes on by itself. */
KVFOLD_INLINE void askFor(const uint8_t* from, int64_t bytes) {
#pragma GCC unroll 4
  for (int64_t line = 0; line < bytes; line += 64) __builtin_prefetch(from + line, 0, 2);
}

/** Scores of one page for all heads of the pass, at `out[head * stride]`; up to 15 floats behind its end are written too. */
template <EntryCodec codec, int heads, int fixed>
KVFOLD_INLINE void pageScores(const PagesTask& task, const float* q, const PageSpan& page, const uint8_t* next, float* out,
                              int64_t stride) {
  const int64_t dims = dimsOf<fixed>(task);
  const int64_t slotBytes = 2 * dims * storedBytes<codec>;
  for (int64_t first = 0; first < page.count; first += sumsTogether) {
    QuadSums sums[heads];
    for (int quad = 0; quad < sumsTogether / together; quad++) {
      const int64_t e = first + quad * together;
      if (e >= page.count) break;
      const uint8_t* slot = page.data + e * slotBytes;
      const int64_t count = page.count - e < together ? page.count - e : together;
      // the first half of the next page; the other follows with the values
      if (next != nullptr) askFor(next + e * slotBytes / 2, together * slotBytes / 2);
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
  if constexpr (codec == EntryCodec::int8) {
    const float* scales = reinterpret_cast<const float*>(page.data + task.scalesOffset);
    for (int h = 0; h < heads; h++) {
      for (int64_t e = 0; e < page.count; e++) out[h * stride + e] *= scales[2 * e];
    }
  }
}

/** Adds the weighted values of a page to `vectors` vectors of the sums, from channel `i` on; corrects them first. */
template <EntryCodec codec, int heads, int vectors, int fixed>
void addValues(const PagesTask& task, const PageSpan& page, const float* weights, int64_t stride, const float* corrections,
               int64_t i, float* sums, const uint8_t* next) {
  using S = Stored<codec, inPairs<codec, fixed>>;
  const int64_t dims = dimsOf<fixed>(task);
  const int64_t slotBytes = 2 * dims * S::bytes;
  F acc[heads][vectors];
  KVFOLD_UNROLL
  for (int h = 0; h < heads; h++) {
    const F correction = all(corrections == nullptr ? 1 : corrections[h]);
    KVFOLD_UNROLL
    for (int v = 0; v < vectors; v++) acc[h][v] = mul(load(sums + h * dims + i + v * width), correction);
  }
  const uint8_t* value = page.data + dims * S::bytes;
  for (int64_t e = 0; e < page.count; e++, value += slotBytes, weights++) {
    // the second half of the next page
    if (next != nullptr) askFor(next + (page.count + e) * slotBytes / 2, slotBytes / 2);
    F vector[vectors];
    KVFOLD_UNROLL
    for (int v = 0; v < vectors; v++) {
      vector[v] = S::vector(value, i + v * width);
      if (heads > 1) hold(vector[v]);
    }
    KVFOLD_UNROLL
    for (int h = 0; h < heads; h++) {
      const F share = all(weights[h * stride]);
      KVFOLD_UNROLL
      for (int v = 0; v < vectors; v++) acc[h][v] = fma(share, vector[v], acc[h][v]);
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
  constexpr int64_t stride = mostPageSlots + 32;
  alignas(64) float scores[heads * stride];
  const int64_t dims = dimsOf<fixed>(task);
  constexpr int64_t turnedFloats = inPairs<codec, fixed> ? heads * fixed : 1;
  alignas(64) float turnedQ[turnedFloats], turnedSums[turnedFloats];
  const float* q = task.q + firstHead * dims;
  float* sums = task.sums + firstHead * dims;
  if constexpr (inPairs<codec, fixed>) {
    toPairs(q, heads * dims, turnedQ);
    toPairs(sums, heads * dims, turnedSums);
    q = turnedQ;
    sums = turnedSums;
  }
  int64_t done = 0;
  for (int64_t p = 0; p < task.pageCount;) {
    int64_t end = p + 1, entries = task.pages[p].count;
    while (end < task.pageCount && entries + task.pages[end].count <= chunkEntries) entries += task.pages[end++].count;
    // while a page is worked on, its like in the next chunk is asked for: one half with the keys, one with the values
    const int64_t ahead = firstHead > 0 ? task.pageCount + task.pagesAhead : end - p;
    const auto asked = [&](int64_t page) {
      return page + ahead < task.pageCount + task.pagesAhead ? task.pages[page + ahead].data : nullptr;
    };
    float* row = scores;
    for (int64_t i = p; i < end; row += task.pages[i].count, i++) {
      pageScores<codec, heads, fixed>(task, q, task.pages[i], asked(i), row, stride);
    }
    float corrections[heads];
    for (int h = 0; h < heads; h++) {
      row = scores + h * stride;
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
    for (int64_t i = 0; i < dims;) {
      const float* weights = scores;
      const bool whole = i + vectors * width <= dims;
      const auto add = whole ? addValues<codec, heads, vectors, fixed> : addValues<codec, heads, 1, fixed>;
      for (int64_t page = p; page < end; page++) {
        add(task, task.pages[page], weights, stride, page == p ? corrections : nullptr, i, sums, i == 0 ? asked(page) : nullptr);
        weights += task.pages[page].count;
      }
      i += (whole ? vectors : 1) * width;
    }
    done += entries;
    p = end;
  }
  if constexpr (inPairs<codec, fixed>) fromPairs(sums, heads * dims, task.sums + firstHead * dims);
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
void pages(const PagesTask& task) {
  if constexpr (width > 4) {
    if (task.dims == 64) return pagesOfAll<codec, 64>(task);
    if (task.dims == 128) return pagesOfAll<codec, 128>(task);
  }
  pagesOfAll<codec, anyDims>(task);
}

}  // namespace

extern const AttentionKernels attentionKernels;
const AttentionKernels attentionKernels = {
    {pages<EntryCodec::f32>, pages<EntryCodec::bf16>, pages<EntryCodec::int8>}, attendBlock, massOfBlock};

}  // namespace kvfold::KVFOLD_ISA
