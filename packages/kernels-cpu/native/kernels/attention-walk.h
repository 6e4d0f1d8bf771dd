// How decode attention goes through its tasks: a chunk of each by turns, for memory gives several places far from each other more
// than one. What is done with a chunk is the walk's own: a struct that extends `PageWalk` and has `chunk(ahead)` and `finish()`.
#pragma once
#include "attention-ahead.h"
#include "attention.h"

namespace kvfold::KVFOLD_ISA {
namespace {

/**
 * Entries whose softmax is taken together, or one page. Between asking for a line and using it the four walks read twice what
 * their chunks hold: with AVX-512 chunks of 4 KB of heads of 64 leave it in the first-level cache, those of 8 KB do not.
 */
template <EntryCodec codec>
constexpr int64_t chunkEntries = (width > 8 ? 1 : 2) * (codec == EntryCodec::f32 ? 8 : codec == EntryCodec::bf16 ? 16 : 32);

/** A task's way through its pages, for the heads of the group from `firstHead` on. */
struct PageWalk {
  const PagesTask& task;
  const int64_t firstHead;
  /** The chunk that is worked on, or comes next: pages, their entries, and entries before it. */
  int64_t begin = 0, end = 0, entries = 0, done = 0;

  PageWalk(const PagesTask& of, int64_t first) : task(of), firstHead(first) {}

  /** Goes on to the next chunk, of at most so many entries (or one page) and pages; false: nothing is left. */
  bool advance(int64_t mostEntries, int64_t mostPages) {
    done += entries;
    entries = 0;
    begin = end;
    while (end < task.pageCount && end - begin < mostPages &&
           (entries == 0 || entries + task.pages[end].count <= mostEntries)) {
      entries += task.pages[end++].count;
    }
    return entries > 0;
  }

  /** A page behind the chunk; one that was read already where nothing follows, or where all of it was read by other heads. */
  const uint8_t* behind(int64_t page) const {
    const int64_t at = end + page, beyond = at - task.pageCount;
    // behind the last chunk of a walk that waits for the others nothing begins
    if (firstHead > 0 || beyond >= task.aheadCount) return task.pages[begin < task.pageCount ? begin : 0].data;
    return beyond < 0 ? task.pages[at].data : task.ahead[beyond].data;
  }
};

/** Hides those scores of a chunk that the query may not see, and keeps a copy of all where one is wanted; `head` is one of the pass. */
KVFOLD_INLINE void hideAndKeep(const PageWalk& walk, int64_t head, float* scores) {
  const PagesTask& task = walk.task;
  if (task.bias != nullptr) {
    // not a sum: what is hidden may be NaN
    for (int64_t e = 0; e < walk.entries; e++) scores[e] = task.bias[walk.done + e] < 0 ? hiddenScore : scores[e];
  }
  if (task.scores != nullptr) {
    float* kept = task.scores + (walk.firstHead + head) * task.scoresStride + walk.done;
    memcpy(kept, scores, static_cast<size_t>(walk.entries) * 4);
  }
}

/**
 * What is asked for with the work on the chunk of the walk `turn`, of `count`, which is 1 or `streams`. While each walk goes through
 * a chunk all of them get their next ones, so that `streams` places are read on evenly.
 */
template <class Walk>
KVFOLD_INLINE NextLines nextLines(const Walk* walks, int count, int turn) {
  const int64_t pages = walks[turn].end - walks[turn].begin;
  NextLines lines;
  KVFOLD_UNROLL
  for (int s = 0; s < streams; s++) {
    const PageWalk& walk = walks[s % count];
    const int64_t at = (turn * (streams / count) + s / count) * pages;
    lines.at[s] = walk.behind(at / streams) + at % streams * (walk.task.scalesOffset / streams);
  }
  return lines;
}

template <class Walk>
void walkByTurns(Walk* walks, int count) {
  for (bool more = true; more;) {
    bool has[streams];
    // all first: what comes next is asked for from the start
    more = false;
    for (int t = 0; t < count; t++) more |= has[t] = walks[t].advance(Walk::mostEntries, Walk::mostPages);
    for (int t = 0; t < count; t++) {
      if (!has[t]) continue;
      const NextLines lines = nextLines(walks, count, t);
      // one by one they stay in registers
      walks[t].chunk(lines.at[0], lines.at[1], lines.at[2], lines.at[3]);
    }
  }
  for (int t = 0; t < count; t++) walks[t].finish();
}

template <class Walk>
void walkTasks(const PagesTask* tasks, int64_t count, int64_t firstHead) {
  if (count == streams) {
    Walk walks[] = {{tasks[0], firstHead}, {tasks[1], firstHead}, {tasks[2], firstHead}, {tasks[3], firstHead}};
    return walkByTurns(walks, streams);
  }
  for (int64_t t = 0; t < count; t++) {
    Walk walk(tasks[t], firstHead);
    walkByTurns(&walk, 1);
  }
}

/** All heads of the tasks; `Walks::Of<heads>` walks for so many of them. */
template <class Walks>
void walkHeads(const PagesTask* tasks, int64_t count) {
  // the heads of a larger group read a task once more, that should then lie in the cache
  if (tasks->group > 4 && count > 1) {
    for (int64_t t = 0; t < count; t++) walkHeads<Walks>(tasks + t, 1);
    return;
  }
  for (int64_t head = 0; head < tasks->group; head += 4) {
    switch (tasks->group - head) {
      case 1: walkTasks<typename Walks::template Of<1>>(tasks, count, head); break;
      case 2: walkTasks<typename Walks::template Of<2>>(tasks, count, head); break;
      case 3: walkTasks<typename Walks::template Of<3>>(tasks, count, head); break;
      default: walkTasks<typename Walks::template Of<4>>(tasks, count, head);
    }
  }
}

}  // namespace
}  // namespace kvfold::KVFOLD_ISA
