#include "attention-sixteen.h"

#include "attention-walk.h"
#include "attention-words.h"

#if defined(__AVX2__) && !defined(__AVX512F__)

namespace kvfold::KVFOLD_ISA {
namespace {

/** Pages that part-empty ones may be in a chunk. */
constexpr int64_t mostPagesOfChunk = 64;

/** The queries of a pass in the form that products are taken in. */
template <EntryCodec codec, int heads, int dims>
struct Queries {
  const float* q;
  alignas(64) float pairs[codec == EntryCodec::bf16 ? heads * dims : 1];
  alignas(64) int16_t words[codec == EntryCodec::int8 ? heads * dims : 1];
  float units[heads];

  explicit Queries(const float* from) : q(from) {
    if constexpr (codec == EntryCodec::bf16) {
      toPairs(from, heads * dims, pairs);
      q = pairs;
    }
    if constexpr (codec == EntryCodec::int8) {
      for (int h = 0; h < heads; h++) units[h] = queryWords(from + h * dims, dims, words + h * dims);
    }
  }
};

/** Sums into the order that values come in, or back. */
template <EntryCodec codec>
void turnSums(const float* from, int64_t count, float* to, bool forth) {
  if constexpr (codec == EntryCodec::bf16) {
    if (forth) toPairs(from, count, to);
    else fromPairs(from, count, to);
  } else {
    if (forth) toPieces(from, count, to);
    else fromPieces(from, count, to);
  }
}

/** The values of a chunk are taken in as many passes, each over some of the channels. */
template <EntryCodec codec, int heads, int dims>
constexpr int valueVectors = codec == EntryCodec::int8 ? pieceDims / width : heads == 1 && dims > 32 ? 8 : heads < 4 ? 4 : 2;
template <EntryCodec codec, int heads, int dims>
constexpr int valuePasses = dims / width / valueVectors<codec, heads, dims>;

/** A walk for `heads` heads of the group. */
template <EntryCodec codec, int heads, int dims>
struct Walk : PageWalk {
  static constexpr int64_t mostEntries = chunkEntries<codec>, mostPages = mostPagesOfChunk;
  static constexpr bool turns = codec != EntryCodec::f32;
  const Queries<codec, heads, dims> queries;
  alignas(64) float turnedSums[turns ? heads * dims : 1];
  float* const sums;
  Softmax softmax[heads];

  Walk(const PagesTask& of, int64_t first)
      : PageWalk(of, first), queries(of.q + first * dims), sums(turns ? turnedSums : of.sums + first * dims) {
    if constexpr (turns) turnSums<codec>(task.sums + firstHead * dims, heads * dims, turnedSums, true);
    for (int h = 0; h < heads; h++) softmax[h].start(task.peak[firstHead + h]);
  }

  void finish() {
    for (int h = 0; h < heads; h++) softmax[h].end(task.peak[firstHead + h], task.total[firstHead + h]);
    if constexpr (turns) turnSums<codec>(turnedSums, heads * dims, task.sums + firstHead * dims, false);
  }

  void chunk(const uint8_t* first, const uint8_t* second, const uint8_t* third, const uint8_t* fourth) {
    NextLines ahead = {{first, second, third, fourth}};
    // a page may be longer than a chunk; room for the entries that stand for missing ones
    constexpr int64_t stride = mostPageSlots + 16;
    alignas(64) float scores[heads * stride];
    const PageSpan* pages = task.pages + begin;
    const int64_t pageCount = end - begin;
    constexpr int passes = valuePasses<codec, heads, dims>;
    float* row = scores;
    for (int64_t i = 0; i < pageCount; row += pages[i].count, i++) {
      if constexpr (codec == EntryCodec::int8) {
        const uint8_t* scales = behind(i) + task.scalesOffset;
        for (int64_t line = 0; line < pages[i].count * 8; line += 64) __builtin_prefetch(scales + line);
        pageWordScores<heads, dims>(queries.words, queries.units, pages[i], task.scalesOffset, ahead, row, stride);
      } else {
        pageScores<codec, heads, dims>(queries.q, pages[i], ahead, row, stride);
      }
    }
    for (int h = 0; h < heads; h++) hideAndKeep(*this, h, scores + h * stride);
    float corrections[heads];
    toWeights<heads>(softmax, scores, stride, entries, corrections);
    alignas(64) int16_t words[codec == EntryCodec::int8 ? heads * stride : 1];
    float units[heads];
    if constexpr (codec == EntryCodec::int8) {
      weightWords<heads>(pages, pageCount, task.scalesOffset, scores, stride, words, units);
    }
    for (int pass = 0; pass < passes; pass++) {
      constexpr int vectors = valueVectors<codec, heads, dims>;
      if constexpr (codec == EntryCodec::int8) {
        addWords<heads, dims>(pages, pageCount, ahead, words, stride, units, corrections, pass * vectors * width, sums);
      } else {
        addValues<codec, heads, dims, vectors>(pages, pageCount, ahead, scores, stride, corrections, pass * vectors * width,
                                               sums);
      }
    }
  }
};

template <EntryCodec codec, int dims>
struct Walks {
  template <int heads>
  using Of = Walk<codec, heads, dims>;
};

template <EntryCodec codec>
void pages(const PagesTask* tasks, int64_t count) {
  switch (tasks->dims) {
    case 32: return walkHeads<Walks<codec, 32>>(tasks, count);
    case 64: return walkHeads<Walks<codec, 64>>(tasks, count);
    default: return walkHeads<Walks<codec, 128>>(tasks, count);
  }
}

}  // namespace

void attendSixteen(EntryCodec codec, const PagesTask* tasks, int64_t count) {
  switch (codec) {
    case EntryCodec::f32: return pages<EntryCodec::f32>(tasks, count);
    case EntryCodec::bf16: return pages<EntryCodec::bf16>(tasks, count);
    case EntryCodec::int8: return pages<EntryCodec::int8>(tasks, count);
  }
}

}  // namespace kvfold::KVFOLD_ISA

#endif
