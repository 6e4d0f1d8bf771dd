// Decode attention for sets with sixteen registers (AVX2) and heads of 32, 64 or 128 channels. Each part of the work on a chunk
// of entries is a function of its own: in one function GCC keeps the constants of one part in registers through the others,
// whose sums then go through memory.
#pragma once
#include "attention-ahead.h"
#include "attention-parts.h"
#include "attention-stored.h"
#include "attention-three.h"
#include "simd-reduce.h"

#if defined(__AVX2__) && !defined(__AVX512F__)

namespace kvfold::KVFOLD_ISA {

#define KVFOLD_PART static __attribute__((noinline))

/** Heads whose sums of four entries stay in registers, beside a query for each head and a key. */
constexpr int headsTogether = 3;

/** The first or second vector of a key's channels from i on; of bf16 those of even or of odd channels. */
template <EntryCodec codec, int half>
KVFOLD_INLINE F halfOfKey(const uint8_t* slot, int64_t i) {
  return Stored<codec, codec == EntryCodec::bf16>::template halfOf<half>(slot, i);
}

/** Adds the products of four keys with `heads` queries, for 16 channels from i on, and asks for lines meanwhile. */
template <EntryCodec codec, int heads, int dims, bool asks>
KVFOLD_INLINE void addScores(const float* q, const uint8_t* const* slots, int64_t i, NextLines& ahead, F (*sums)[together]) {
  if (asks) ahead.ask<storedBytes<codec>>();
  KVFOLD_UNROLL
  for (int h = 0; h < heads; h++) {
    const F first = load(q + h * dims + i), second = load(q + h * dims + i + width);
    KVFOLD_UNROLL
    for (int e = 0; e < together; e++) {
      sums[h][e] = fma(halfOfKey<codec, 0>(slots[e], i), first, sums[h][e]);
      sums[h][e] = fma(halfOfKey<codec, 1>(slots[e], i), second, sums[h][e]);
    }
  }
}

/** Products of four entries with `heads` heads, into the sums of each head. */
template <EntryCodec codec, int heads, int dims, bool asks>
KVFOLD_INLINE void fourScores(const float* q, const uint8_t* const* slots, int quad, NextLines& ahead, QuadSums* out) {
  if constexpr (heads == 3) {
    F sums[heads];
    threeScores<codec, dims>(q, slots, ahead.at, sums);
    ahead.skip(dims * storedBytes<codec>);
    KVFOLD_UNROLL
    for (int h = 0; h < heads; h++) out[h].parts[quad] = sums[h];
    return;
  }
  F sums[heads][together];
  KVFOLD_UNROLL
  for (int h = 0; h < heads; h++) {
    KVFOLD_UNROLL
    for (int e = 0; e < together; e++) sums[h][e] = all(0);
  }
#pragma GCC unroll 2
  for (int64_t i = 0; i < dims; i += 2 * width) addScores<codec, heads, dims, asks>(q, slots, i, ahead, sums);
  KVFOLD_UNROLL
  for (int h = 0; h < heads; h++) out[h].put(quad, sums[h][0], sums[h][1], sums[h][2], sums[h][3]);
}

/** Scores of eight entries from `first` on; `whole`: there are as many, else the last one stands for what is missing. */
template <EntryCodec codec, int heads, int dims, bool whole>
KVFOLD_INLINE void eightScores(const float* q, const PageSpan& page, int64_t first, NextLines& ahead, float* out, int64_t stride) {
  constexpr int64_t slotBytes = 2 * dims * storedBytes<codec>;
  QuadSums sums[heads];
  KVFOLD_UNROLL
  for (int quad = 0; quad < 2; quad++) {
    const uint8_t* slots[together];
    KVFOLD_UNROLL
    for (int e = 0; e < together; e++) {
      const int64_t slot = first + quad * together + e;
      slots[e] = page.data + (whole || slot < page.count ? slot : page.count - 1) * slotBytes;
    }
    if constexpr (heads > headsTogether) {
      fourScores<codec, 2, dims, true>(q, slots, quad, ahead, sums);
      fourScores<codec, heads - 2, dims, false>(q + 2 * dims, slots, quad, ahead, sums + 2);
    } else {
      fourScores<codec, heads, dims, true>(q, slots, quad, ahead, sums);
    }
  }
  KVFOLD_UNROLL
  for (int h = 0; h < heads; h++) sums[h].finish(out + h * stride + first);
}

/** Scores of one page for all heads of the pass, at `out[head * stride]`; up to seven behind its end are of any value. */
template <EntryCodec codec, int heads, int dims>
KVFOLD_PART void pageScores(const float* q, const PageSpan& page, NextLines& next, float* out, int64_t stride) {
  NextLines ahead = next;
  int64_t first = 0;
  for (; first + 8 <= page.count; first += 8) eightScores<codec, heads, dims, true>(q, page, first, ahead, out, stride);
  if (first < page.count) eightScores<codec, heads, dims, false>(q, page, first, ahead, out, stride);
  next = ahead;
}

/** Adds the weighted values of some pages to `vectors` vectors of the sums, from channel `i` on; corrects them first. */
template <EntryCodec codec, int heads, int dims, int vectors>
KVFOLD_PART void addValues(const PageSpan* pages, int64_t count, NextLines& next, const float* weights,
                           int64_t stride, const float* corrections, int64_t i, float* sums) {
  using S = Stored<codec, codec == EntryCodec::bf16>;
  constexpr int64_t slotBytes = 2 * dims * S::bytes;
  constexpr int lineParts = vectors * width * S::bytes;
  F acc[heads][vectors];
  KVFOLD_UNROLL
  for (int h = 0; h < heads; h++) {
    const F correction = all(corrections[h]);
    KVFOLD_UNROLL
    for (int v = 0; v < vectors; v++) acc[h][v] = mul(load(sums + h * dims + i + v * width), correction);
  }
  NextLines ahead = next;
  for (int64_t p = 0; p < count; p++) {
    const PageSpan page = pages[p];
    const uint8_t* value = page.data + (dims + i) * S::bytes;
    for (int64_t e = 0; e < page.count; e++, value += slotBytes, weights++) {
      if (lineParts >= 64 || e % 2 == 0) ahead.ask<lineParts >= 64 ? lineParts / 64 : 1>();
      F shares[heads];
      KVFOLD_UNROLL
      for (int h = 0; h < heads; h++) {
        shares[h] = all(weights[h * stride]);
        hold(shares[h]);
      }
      KVFOLD_UNROLL
      for (int v = 0; v < vectors; v++) {
        F vector = S::vector(value, v * width);
        if (heads > 1) hold(vector);
        KVFOLD_UNROLL
        for (int h = 0; h < heads; h++) acc[h][v] = fma(shares[h], vector, acc[h][v]);
      }
    }
  }
  next = ahead;
  KVFOLD_UNROLL
  for (int h = 0; h < heads; h++) {
    KVFOLD_UNROLL
    for (int v = 0; v < vectors; v++) store(sums + h * dims + i + v * width, acc[h][v]);
  }
}

/** `Softmax::toWeights` for all heads side by side: one alone would wait for its own results most of the time. */
template <int heads>
KVFOLD_PART void toWeights(Softmax* softmax, float* scores, int64_t stride, int64_t count, float* corrections) {
  for (int64_t e = count; e % width != 0; e++) {
    for (int h = 0; h < heads; h++) scores[h * stride + e] = hiddenScore;
  }
  F most[heads];
  KVFOLD_UNROLL
  for (int h = 0; h < heads; h++) most[h] = load(scores + h * stride);
  for (int64_t e = width; e < count; e += width) {
    KVFOLD_UNROLL
    for (int h = 0; h < heads; h++) most[h] = max(most[h], load(scores + h * stride + e));
  }
  F top[heads], total[heads];
  KVFOLD_UNROLL
  for (int h = 0; h < heads; h++) {
    corrections[h] = softmax[h].raise(most[h]);
    top[h] = all(softmax[h].peak);
    total[h] = softmax[h].total;
  }
  for (int64_t e = 0; e < count; e += width) {
    KVFOLD_UNROLL
    for (int h = 0; h < heads; h++) {
      const F weight = expNegative(sub(load(scores + h * stride + e), top[h]));
      store(scores + h * stride + e, weight);
      total[h] = add(total[h], weight);
    }
  }
  KVFOLD_UNROLL
  for (int h = 0; h < heads; h++) softmax[h].total = total[h];
}

}  // namespace kvfold::KVFOLD_ISA

#endif
