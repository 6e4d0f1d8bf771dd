// Decoding: one query position of a lane over its pages. Keys and values are read once for all heads of the group.
#include "attention.h"
#include "attention-chunk.h"
#include "attention-parts.h"

namespace kvfold::KVFOLD_ISA {

namespace {

/** Entries whose softmax is taken together, or one page: 8 KB of heads of 64 stay in the first-level cache from keys to values. */
template <EntryCodec codec>
constexpr int64_t chunkEntries = codec == EntryCodec::f32 ? 16 : codec == EntryCodec::bf16 ? 32 : 64;

/** A task on the way, for `heads` heads of the group from `firstHead` on. */
template <EntryCodec codec, int heads, int fixed>
struct Walk {
  /** Whether values come in another order of channels than sums are wanted in. */
  static constexpr bool turns = inPairs<codec, fixed> || inIntegers<codec, fixed>;
  const PagesTask& task;
  const int64_t firstHead;
  const Queries<codec, heads, fixed> queries;
  alignas(64) float turnedSums[turns ? heads * fixed : 1];
  float* const sums;
  Softmax softmax[heads];
  /** The chunk that is worked on, or comes next: pages, their entries, and entries before it. */
  int64_t begin = 0, end = 0, entries = 0, done = 0;

  Walk(const PagesTask& of, int64_t first)
      : task(of), firstHead(first), queries(of.q + first * dimsOf<fixed>(of)),
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

  /** Goes on to the next chunk with entries; false: there is none. */
  bool advance() {
    done += entries;
    entries = 0;
    begin = end;
    while (end < task.pageCount && end - begin < mostPagesOfChunk &&
           (entries == 0 || entries + task.pages[end].count <= chunkEntries<codec>)) {
      entries += task.pages[end++].count;
    }
    return entries > 0;
  }

  /** A page behind the chunk; the first of the chunk where nothing follows, or where all of it was read by other heads. */
  const uint8_t* behind(int64_t page) const {
    const int64_t at = end + page, beyond = at - task.pageCount;
    if (firstHead > 0 || beyond >= task.aheadCount) return task.pages[begin].data;
    return beyond < 0 ? task.pages[at].data : task.ahead[beyond].data;
  }
};

/** One or more tasks, a chunk of each by turns: memory gives several places far from each other more than one. */
template <EntryCodec codec, int heads, int fixed>
struct Walks {
  Walk<codec, heads, fixed>* walks;
  /** 1 or `streams`. */
  int count;

  /**
   * What is asked for with the work on a chunk of `pages` pages of the walk `turn`. While each walk goes through a chunk all of
   * them get their next ones.
   */
  NextLines next(int turn, int64_t pages) const {
    NextLines lines;
    KVFOLD_UNROLL
    for (int s = 0; s < streams; s++) {
      const Walk<codec, heads, fixed>& walk = walks[s % count];
      const int64_t at = (turn * (streams / count) + s / count) * pages;
      lines.at[s] = walk.behind(at / streams) + at % streams * (walk.task.scalesOffset / streams);
    }
    return lines;
  }

  void chunk(int turn) {
    Walk<codec, heads, fixed>& walk = walks[turn];
    const PagesTask& task = walk.task;
    // Room for the repeated entries of the last four and for a whole last vector.
    constexpr int64_t stride = mostPageSlots + 32;
    alignas(64) float scores[heads * stride];
    const int64_t dims = dimsOf<fixed>(task), p = walk.begin, end = walk.end, entries = walk.entries;
    NextLines ahead = next(turn, end - p);
    float* row = scores;
    for (int64_t i = p; i < end; row += task.pages[i].count, i++) {
      if constexpr (codec == EntryCodec::int8) {
        const uint8_t* scales = walk.behind(i - p) + task.scalesOffset;
        for (int64_t line = 0; line < task.pages[i].count * 8; line += 64) __builtin_prefetch(scales + line, 0, 2);
      }
      pageScores<codec, heads, fixed>(task, walk.queries, task.pages[i], ahead, row, stride);
    }
    float corrections[heads];
    KVFOLD_UNROLL
    for (int h = 0; h < heads; h++) {
      row = scores + h * stride;
      if (task.bias != nullptr) {
        // not a sum: what is hidden may be NaN
        for (int64_t e = 0; e < entries; e++) row[e] = task.bias[walk.done + e] < 0 ? hiddenScore : row[e];
      }
      if (task.scores != nullptr) {
        float* kept = task.scores + (walk.firstHead + h) * task.scoresStride + walk.done;
        memcpy(kept, row, static_cast<size_t>(entries) * 4);
      }
      corrections[h] = walk.softmax[h].toWeights(row, entries);
    }
#if defined(__AVX512VNNI__)
    if constexpr (inIntegers<codec, fixed>) {
      addCodes<heads, fixed>(task, p, end, scores, stride, corrections, walk.sums, ahead);
      return;
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
    constexpr int most = mostSums / heads >= 4 ? 4 : mostSums / heads >= 2 ? 2 : 1;
    constexpr int vectors = fixed != anyDims && fixed < most * width ? fixed / width : most;
    int64_t i = 0;
    for (; i + vectors * width <= dims; i += vectors * width) {
      addValues<codec, heads, vectors, fixed>(task, p, end, scores, stride, corrections, i, walk.sums, ahead);
    }
    if constexpr (fixed == anyDims) {
      for (; i < dims; i += width) {
        addValues<codec, heads, 1, fixed>(task, p, end, scores, stride, corrections, i, walk.sums, ahead);
      }
    }
  }

  void run() {
    bool more = true;
    while (more) {
      bool has[streams];
      // all first: what comes next is asked for from the start
      more = false;
      for (int t = 0; t < count; t++) more |= has[t] = walks[t].advance();
      for (int t = 0; t < count; t++) {
        if (has[t]) chunk(t);
      }
    }
    for (int t = 0; t < count; t++) walks[t].finish();
  }
};

template <EntryCodec codec, int heads, int fixed>
void pagesOf(const PagesTask* tasks, int64_t count, int64_t firstHead) {
  using Own = Walk<codec, heads, fixed>;
  if constexpr (fixed != anyDims) {
    if (count == streams) {
      Own walks[] = {{tasks[0], firstHead}, {tasks[1], firstHead}, {tasks[2], firstHead}, {tasks[3], firstHead}};
      return Walks<codec, heads, fixed>{walks, streams}.run();
    }
  }
  for (int64_t t = 0; t < count; t++) {
    Own walk(tasks[t], firstHead);
    Walks<codec, heads, fixed>{&walk, 1}.run();
  }
}

template <EntryCodec codec, int fixed>
void pagesOfAll(const PagesTask* tasks, int64_t count) {
  // the heads of a larger group read a task once more, that should then lie in the cache
  if (tasks->group > 4 && count > 1) {
    for (int64_t t = 0; t < count; t++) pagesOfAll<codec, fixed>(tasks + t, 1);
    return;
  }
  for (int64_t head = 0; head < tasks->group; head += 4) {
    switch (tasks->group - head) {
      case 1: pagesOf<codec, 1, fixed>(tasks, count, head); break;
      case 2: pagesOf<codec, 2, fixed>(tasks, count, head); break;
      case 3: pagesOf<codec, 3, fixed>(tasks, count, head); break;
      default: pagesOf<codec, 4, fixed>(tasks, count, head);
    }
  }
}

template <EntryCodec codec>
void pages(const PagesTask* tasks, int64_t count) {
  const int64_t dims = tasks->dims;
  if constexpr (hasSixteen) {
    if (dims == 32 || dims == 64 || dims == 128) return attendSixteen(codec, tasks, count);
  }
  if constexpr (width > 8) {
    if (dims == 32) return pagesOfAll<codec, 32>(tasks, count);
    if (dims == 64) return pagesOfAll<codec, 64>(tasks, count);
    if (dims == 128) return pagesOfAll<codec, 128>(tasks, count);
  }
  pagesOfAll<codec, anyDims>(tasks, count);
}

}  // namespace

extern const AttentionKernels attentionKernels;
const AttentionKernels attentionKernels = {
    {pages<EntryCodec::f32>, pages<EntryCodec::bf16>, pages<EntryCodec::int8>}, attendBlock, massOfBlock,
    hasSixteen || width > 8 ? 4 : 1};

}  // namespace kvfold::KVFOLD_ISA
