// Attention of a step's queries over the lanes of a store, as they are after the write.
#pragma once
#include "store.h"

namespace kvfold {

/** Turning keys when they are read; `positions` angles, from 0. Not used by stores that rotate at the write. */
struct ReadRotation {
  const float* cos;
  const float* sin;
  int64_t positions;
  int64_t half;
  /** Channel that keys lose; below 0: none. */
  int64_t blank;
  /** Keys are read at their slot in place of their token's position. */
  bool bySlot;
};

/** A window or band without an end. */
constexpr int64_t noLimit = int64_t{1} << 31;

struct AttendCall {
  Step step;
  /** Rotated queries `[rows, queryHeads, tokens, headDim]`. */
  const float* q;
  float scale;
  /** Keys at a distance of `window` or more are hidden; or `noLimit`. */
  int64_t window;
  /** Entries beyond the first `sinks` tokens are hidden from queries `recent` or more behind them; or `noLimit`. */
  int64_t sinks;
  int64_t recent;
  ReadRotation reading;
  /** `[rows, queryHeads, tokens, headDim]`; 0 for padding. */
  float* out;
  /** Mass of each entry over the last `massQueries` real queries of a row, mean over the group; null: not wanted. */
  float* mass;
  /** `[rows, kvHeads, massSlots]` */
  int64_t massSlots;
  int64_t massQueries;
};

/** False when the system has no memory. */
bool attend(const Store& store, const AttendCall& call);

/** One token a row. */
bool attendOne(const Store& store, const AttendCall& call);
/** Several tokens a row: queries in tiles, entries in blocks, never all scores at once. */
bool attendMany(const Store& store, const AttendCall& call);

/** First query position that no longer sees an entry: the model's window, the policy's band, and its own end. */
int32_t visibleUntil(const Store& store, const AttendCall& call, int64_t lane, uint8_t* page, int64_t slotInPage,
                     int64_t slot);
/** Whether any entry may end to be visible. */
bool anythingEnds(const Store& store, const AttendCall& call);

/** Entries of one lane in float32 with their keys ready for scores, taken in order. */
class LaneReader {
 public:
  LaneReader(const Store& store, const AttendCall& call, int64_t lane) : store_(store), call_(call), lane_(lane) {}
  /** Moves to a slot. */
  void seek(int64_t slot);
  /** Reads `count` entries to `[count, 2 * dims]`, and when the visibility changes anything, until when they are seen. */
  void read(int64_t count, float* entries, int32_t* until);

 private:
  const Store& store_;
  const AttendCall& call_;
  int64_t lane_;
  int64_t page_ = 0;
  int64_t inPage_ = 0;
  int64_t slot_ = 0;
};

}  // namespace kvfold
