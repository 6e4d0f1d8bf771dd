// The store of one attention layer: its lanes, and what a running step needs beside them.
#pragma once
#include "../system/growable.h"
#include "lane.h"

namespace kvfold {

/** Later than any position. */
constexpr int32_t forEver = 0x7fffffff;

/** Lanes of all rows, row-major. */
class LaneTable {
 public:
  explicit LaneTable(const StoreShape& shape) : shape_(shape) {}
  ~LaneTable() { clear(); }
  LaneTable(const LaneTable&) = delete;
  LaneTable& operator=(const LaneTable&) = delete;

  const StoreShape& shape() const { return shape_; }
  int64_t count() const { return lanes_.size(); }
  Lane& operator[](int64_t lane) const { return lanes_[lane]; }

  /** Takes lanes of another table, in this order, as its own; -1 is a new empty lane. False: no memory, unchanged. */
  bool select(const LaneTable& from, const int32_t* lanes, int64_t count);
  /** Takes all lanes of another table. */
  bool copy(const LaneTable& from);
  void clear();

 private:
  StoreShape shape_;
  Growable<Lane> lanes_;
};

/** The new tokens of a call: rows, their real tokens, and the position of the first. */
struct Step {
  const int32_t* rows;
  const int32_t* lengths;
  const int32_t* starts;
  int64_t rowCount;
  /** Length of the token axis. */
  int64_t tokens;
};

/** What a lane keeps between the write and the end of a step of several tokens; one number for each entry. */
struct LaneStep {
  Growable<int32_t> from;   // first query position that sees the entry
  Growable<int32_t> gone;   // position of the token that overwrites it
  Growable<int32_t> place;  // its slot once overwriting is done
};

struct Store {
  explicit Store(const StoreShape& shape) : table(shape) {}

  LaneTable table;
  /** Most entries that all lanes ever held. */
  int64_t peak = 0;
  /** One for each lane while a step of several tokens runs; else null. */
  LaneStep* steps = nullptr;
  int64_t stepCount = 0;
  bool overwriting = false;
  /** Own entries of the queries of a merging chunk `[step lanes, tokens, 2 * dims]`; empty: none. */
  Growable<float> own;

  ~Store() { endStep(); }
  const StoreShape& shape() const { return table.shape(); }
  int64_t rows() const { return table.count() / shape().options.kvHeads; }

  /** Prepares `steps`, every entry so far seen by all queries. */
  bool beginSteps(bool overwrites);
  /** Lets go of `steps` and `own`. */
  void endStep();
  void notePeak();
};

/** Lane of the store behind a lane of the step. */
inline int64_t laneOf(const Store& store, const Step& step, int64_t stepLane) {
  const int64_t heads = store.shape().options.kvHeads;
  return step.rows[stepLane / heads] * heads + stepLane % heads;
}

/** Position of an entry's newest token: its column, or its slot in stores without one. */
class Positions {
 public:
  explicit Positions(const StoreShape& shape) : shape_(shape) {}
  int64_t of(uint8_t* page, int64_t slotInPage, int64_t slotInLane) const {
    const int64_t column = shape_.options.positionColumn;
    return column == noColumn ? slotInLane : shape_.column(page, column)[slotInPage];
  }

 private:
  const StoreShape& shape_;
};

}  // namespace kvfold
