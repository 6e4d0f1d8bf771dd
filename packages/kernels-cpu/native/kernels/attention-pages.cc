// Decoding: one query position of a lane over its pages. Keys and values are read once for all heads of the group.
#include "attention.h"
#include "attention-chunk.h"
#include "attention-parts.h"
#include "attention-walk.h"

namespace kvfold::KVFOLD_ISA {

namespace {

/** A walk for `heads` heads of the group. */
template <EntryCodec codec, int heads, int fixed>
struct Walk : PageWalk {
  static constexpr int64_t mostEntries = chunkEntries<codec>, mostPages = mostPagesOfChunk;
  /** Whether values come in another order of channels than sums are wanted in. */
  static constexpr bool turns = inPairs<codec, fixed> || inIntegers<codec, fixed>;
  const Queries<codec, heads, fixed> queries;
  alignas(64) float turnedSums[turns ? heads * fixed : 1];
  float* const sums;
  Softmax softmax[heads];

  Walk(const PagesTask& of, int64_t first)
      : PageWalk(of, first), queries(of.q + first * dimsOf<fixed>(of)),
        sums(turns ? turnedSums : of.sums + first * dimsOf<fixed>(of)) {
    if constexpr (turns) turnSums<codec, fixed>(task.sums + firstHead * fixed, heads * fixed, turnedSums, true);
    KVFOLD_UNROLL
    for (int h = 0; h < heads; h++) softmax[h].start(task.peak[firstHead + h]);
  }

  void finish() {
    KVFOLD_UNROLL
    for (int h = 0; h < heads; h++) softmax[h].end(task.peak[firstHead + h], task.total[firstHead + h]);
    if constexpr (turns) turnSums<codec, fixed>(turnedSums, heads * fixed, task.sums + firstHead * fixed, false);
  }

  void chunk(const uint8_t* first, const uint8_t* second, const uint8_t* third, const uint8_t* fourth) {
    NextLines ahead = {{first, second, third, fourth}};
    // Room for the repeated entries of the last four and for a whole last vector.
    constexpr int64_t stride = mostPageSlots + 32;
    alignas(64) float scores[heads * stride];
    const int64_t dims = dimsOf<fixed>(task);
    float* row = scores;
    for (int64_t i = begin; i < end; row += task.pages[i].count, i++) {
      if constexpr (codec == EntryCodec::int8) {
        const uint8_t* scales = behind(i - begin) + task.scalesOffset;
        for (int64_t line = 0; line < task.pages[i].count * 8; line += 64) __builtin_prefetch(scales + line, 0, 2);
      }
      pageScores<codec, heads, fixed>(task, queries, task.pages[i], ahead, row, stride);
    }
    float corrections[heads];
    KVFOLD_UNROLL
    for (int h = 0; h < heads; h++) {
      row = scores + h * stride;
      hideAndKeep(*this, h, row);
      corrections[h] = softmax[h].toWeights(row, entries);
    }
#if defined(__AVX512VNNI__)
    if constexpr (inIntegers<codec, fixed>) {
      addCodes<heads, fixed>(task, begin, end, scores, stride, corrections, sums, ahead);
      return;
    }
#endif
    if constexpr (codec == EntryCodec::int8) {
      int64_t at = 0;
      for (int64_t i = begin; i < end; i++) {
        const float* scales = reinterpret_cast<const float*>(task.pages[i].data + task.scalesOffset);
        for (int64_t e = 0; e < task.pages[i].count; e++, at++) {
          for (int h = 0; h < heads; h++) scores[h * stride + at] *= scales[2 * e + 1];
        }
      }
    }
    constexpr int most = mostSums / heads >= 4 ? 4 : mostSums / heads >= 2 ? 2 : 1;
    constexpr int vectors = fixed != anyDims && fixed < most * width ? fixed / width : most;
    int64_t i = 0;
    for (; i + vectors * width <= dims; i += vectors * width) {
      addValues<codec, heads, vectors, fixed>(task, begin, end, scores, stride, corrections, i, sums, ahead);
    }
    if constexpr (fixed == anyDims) {
      for (; i < dims; i += width) {
        addValues<codec, heads, 1, fixed>(task, begin, end, scores, stride, corrections, i, sums, ahead);
      }
    }
  }
};

template <EntryCodec codec, int fixed>
struct Walks {
  template <int heads>
  using Of = Walk<codec, heads, fixed>;
};

template <EntryCodec codec>
void pages(const PagesTask* tasks, int64_t count) {
  const int64_t dims = tasks->dims;
  if constexpr (hasSixteen) {
    if (dims == 32 || dims == 64 || dims == 128) return attendSixteen(codec, tasks, count);
  }
  if constexpr (width > 8) {
    if (dims == 32) return walkHeads<Walks<codec, 32>>(tasks, count);
    if (dims == 64) return walkHeads<Walks<codec, 64>>(tasks, count);
    if (dims == 128) return walkHeads<Walks<codec, 128>>(tasks, count);
  }
  walkHeads<Walks<codec, anyDims>>(tasks, count);
}

}  // namespace

extern const AttentionKernels attentionKernels;
const AttentionKernels attentionKernels = {
    {pages<EntryCodec::f32>, pages<EntryCodec::bf16>, pages<EntryCodec::int8>}, attendBlock, massOfBlock,
    joinBlocks, hasSixteen || width > 8 ? 4 : 1};

}  // namespace kvfold::KVFOLD_ISA
