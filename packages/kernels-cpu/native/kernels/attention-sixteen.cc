#include "attention-sixteen.h"

#include "attention-words.h"

#if defined(__AVX2__) && !defined(__AVX512F__)

namespace kvfold::KVFOLD_ISA {
namespace {

/** Entries whose softmax is taken together, 8 KB: they stay in the first-level cache from keys to values. */
template <EntryCodec codec>
constexpr int64_t chunkEntries = codec == EntryCodec::f32 ? 16 : codec == EntryCodec::bf16 ? 32 : 64;

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

/** A task on the way, for `heads` heads of the group from `firstHead` on. */
template <EntryCodec codec, int heads, int dims>
struct Walk {
  static constexpr bool turns = codec != EntryCodec::f32;
  const PagesTask& task;
  const int64_t firstHead;
  const Queries<codec, heads, dims> queries;
  alignas(64) float turnedSums[turns ? heads * dims : 1];
  float* const sums;
  Softmax softmax[heads];
  /** The chunk that is worked on, or comes next: pages, their entries, and entries before it. */
  int64_t begin = 0, end = 0, entries = 0, done = 0;

  Walk(const PagesTask& of, int64_t first)
      : task(of), firstHead(first), queries(of.q + first * dims), sums(turns ? turnedSums : of.sums + first * dims) {
    if constexpr (turns) turnSums<codec>(task.sums + firstHead * dims, heads * dims, turnedSums, true);
    for (int h = 0; h < heads; h++) softmax[h].start(task.peak[firstHead + h]);
  }

  void finish() {
    for (int h = 0; h < heads; h++) softmax[h].end(task.peak[firstHead + h], task.total[firstHead + h]);
    if constexpr (turns) turnSums<codec>(turnedSums, heads * dims, task.sums + firstHead * dims, false);
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

  /** A page behind the chunk; the first of the chunk where nothing follows. */
  const uint8_t* behind(int64_t page) const {
    const int64_t at = end + page, beyond = at - task.pageCount;
    return beyond < 0 ? task.pages[at].data : beyond < task.aheadCount ? task.ahead[beyond].data : task.pages[begin].data;
  }
};

/** One or more tasks, a chunk of each by turns. */
template <EntryCodec codec, int heads, int dims, int count>
struct Walks {
  Walk<codec, heads, dims>* walks;

  /**
   * What is asked for with the work on a chunk of the walk `turn`. While each walk goes through a chunk all of them get their
   * next ones, so that `streams` places are read on evenly.
   */
  NextLines next(int turn, int64_t pages) const {
    NextLines lines;
    KVFOLD_UNROLL
    for (int s = 0; s < streams; s++) {
      const Walk<codec, heads, dims>& walk = walks[s % count];
      const int64_t at = (turn * (streams / count) + s / count) * pages;
      lines.at[s] = walk.behind(at / streams) + at % streams * (walk.task.scalesOffset / streams);
    }
    return lines;
  }

  void chunk(int turn) {
    Walk<codec, heads, dims>& walk = walks[turn];
    const PagesTask& task = walk.task;
    // a page may be longer than a chunk; room for the entries that stand for missing ones
    constexpr int64_t stride = mostPageSlots + 16;
    alignas(64) float scores[heads * stride];
    const PageSpan* pages = task.pages + walk.begin;
    const int64_t pageCount = walk.end - walk.begin;
    constexpr int passes = valuePasses<codec, heads, dims>;
    NextLines ahead = next(turn, pageCount);
    float* row = scores;
    for (int64_t i = 0; i < pageCount; row += pages[i].count, i++) {
      if constexpr (codec == EntryCodec::int8) {
        const uint8_t* scales = walk.behind(i) + task.scalesOffset;
        for (int64_t line = 0; line < pages[i].count * 8; line += 64) __builtin_prefetch(scales + line);
        pageWordScores<heads, dims>(walk.queries.words, walk.queries.units, pages[i], task.scalesOffset, ahead, row, stride);
      } else {
        pageScores<codec, heads, dims>(walk.queries.q, pages[i], ahead, row, stride);
      }
    }
    for (int h = 0; h < heads; h++) {
      row = scores + h * stride;
      if (task.bias != nullptr) {
        // not a sum: what is hidden may be NaN
        for (int64_t e = 0; e < walk.entries; e++) row[e] = task.bias[walk.done + e] < 0 ? hiddenScore : row[e];
      }
      if (task.scores != nullptr) {
        float* kept = task.scores + (walk.firstHead + h) * task.scoresStride + walk.done;
        memcpy(kept, row, static_cast<size_t>(walk.entries) * 4);
      }
    }
    float corrections[heads];
    toWeights<heads>(walk.softmax, scores, stride, walk.entries, corrections);
    alignas(64) int16_t words[codec == EntryCodec::int8 ? heads * stride : 1];
    float units[heads];
    if constexpr (codec == EntryCodec::int8) {
      weightWords<heads>(pages, pageCount, task.scalesOffset, scores, stride, words, units);
    }
    for (int pass = 0; pass < passes; pass++) {
      constexpr int vectors = valueVectors<codec, heads, dims>;
      if constexpr (codec == EntryCodec::int8) {
        addWords<heads, dims>(pages, pageCount, ahead, words, stride, units, corrections, pass * vectors * width, walk.sums);
      } else {
        addValues<codec, heads, dims, vectors>(pages, pageCount, ahead, scores, stride, corrections, pass * vectors * width,
                                               walk.sums);
      }
    }
  }

  void run() {
    bool more[count];
    do {
      // all first: what comes next is asked for from the start
      KVFOLD_UNROLL
      for (int t = 0; t < count; t++) more[t] = walks[t].advance();
      for (int t = 0; t < count; t++) {
        if (more[t]) chunk(t);
      }
    } while (anyOf(more));
    for (int t = 0; t < count; t++) walks[t].finish();
  }

  static bool anyOf(const bool* more) {
    bool any = false;
    for (int t = 0; t < count; t++) any |= more[t];
    return any;
  }
};

template <EntryCodec codec, int heads, int dims>
void pagesOf(const PagesTask* tasks, int64_t count, int64_t firstHead) {
  using Own = Walk<codec, heads, dims>;
  if (count == 4) {
    Own walks[] = {{tasks[0], firstHead}, {tasks[1], firstHead}, {tasks[2], firstHead}, {tasks[3], firstHead}};
    return Walks<codec, heads, dims, 4>{walks}.run();
  }
  for (int64_t t = 0; t < count; t++) {
    Own walk(tasks[t], firstHead);
    Walks<codec, heads, dims, 1>{&walk}.run();
  }
}

template <EntryCodec codec, int dims>
void pagesOfAll(const PagesTask* tasks, int64_t count) {
  // the heads of a larger group read a task once more, that should then lie in the cache
  if (tasks->group > 4 && count > 1) {
    for (int64_t t = 0; t < count; t++) pagesOfAll<codec, dims>(tasks + t, 1);
    return;
  }
  for (int64_t head = 0; head < tasks->group; head += 4) {
    switch (tasks->group - head) {
      case 1: pagesOf<codec, 1, dims>(tasks, count, head); break;
      case 2: pagesOf<codec, 2, dims>(tasks, count, head); break;
      case 3: pagesOf<codec, 3, dims>(tasks, count, head); break;
      default: pagesOf<codec, 4, dims>(tasks, count, head);
    }
  }
}

template <EntryCodec codec>
void pages(const PagesTask* tasks, int64_t count) {
  switch (tasks->dims) {
    case 32: return pagesOfAll<codec, 32>(tasks, count);
    case 64: return pagesOfAll<codec, 64>(tasks, count);
    default: return pagesOfAll<codec, 128>(tasks, count);
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
