// What stores do with lanes besides attention and writing new tokens: choosing what is dropped, moving entries, sharing pages,
// and numbers that go out and come in. Lanes of a call are (row, KV head); `rows` names rows of the store as elsewhere.
#pragma once
#include "page-pool.h"
#include "lane-store.h"

namespace kvfold {

constexpr unsigned dropSelectThreads = 256;

enum class DropRule : int32_t {
  range,   // drops the slots from `from` up to the newest `keep[row]`
  below,   // drops entries whose score is below the threshold
  lowest,  // keeps the `keep[row]` highest of each lane; ties keep the older
  lowestOfRow,  // keeps `keep[row]` a lane on average over the row's heads; ties keep the older, then the lower head
};

/**
 * `kvfold_drop_select`: which entries stay. Grid: rows * kvHeads (`lowestOfRow`: rows), block `dropSelectThreads`. A score that
 * is no number counts as the lowest, entries behind the scores' end as 0.
 */
struct DropSelectArgs {
  uint64_t lengths;     // int32 [storeLanes]
  uint64_t rows;        // int32 [rows]; 0: the same
  uint64_t scores;      // float32 [rows, kvHeads, slots]; 0: see intScores
  uint64_t intScores;   // int32 [rows, kvHeads, slots]
  uint64_t keep;        // int32 [rows]
  uint64_t order;       // int32 [lanes, orderSlots], written: the slots that stay, ascending
  uint64_t newLengths;  // int32 [lanes], written: how many
  int32_t kvHeads;
  int32_t slots;
  int32_t orderSlots;   // at least the longest lane
  int32_t rule;         // DropRule
  int32_t from;
  float threshold;
};

/**
 * Moving entries, in order: `kvfold_lane_reserve` (grid `ceil(lanes / 128)`, block 128) takes pages in `to` for `newLengths`;
 * `kvfold_lane_move` (grid `[ceil(orderSlots / 8), lanes]`, block 256) copies the entries that `order` names with their scales
 * and columns; `kvfold_lane_release` gives the old pages back. Lists and lengths of `to` are of lanes of the call; `from` and
 * `to` may be stores of one layout only. With `order` 0 the lanes are copied as they are.
 */
struct LaneMoveArgs {
  uint64_t rows;        // int32 [rows] of `from`; 0: the same
  uint64_t order;       // int32 [lanes, orderSlots], ascending or any; 0: as it is
  uint64_t newLengths;  // int32 [lanes]
  PagePool pool;
  LaneStore from;
  LaneStore to;         // lanes of the call: its list and lengths are written
  int32_t lanes;
  int32_t orderSlots;
};

/**
 * `kvfold_lane_release` gives back pages behind a lane's new length and sets the length; grid 1, block 256 (pages come back
 * in the order of lanes). `kvfold_lane_hold` (grid `ceil(lanes / 128)`, block 128) makes a snapshot or another lane one more
 * holder of every page. `kvfold_lane_own_last` (grid lanes, block 128) gives a lane that shares its last page one of its own,
 * as every write needs while pages are shared.
 */
struct LaneShareArgs {
  uint64_t lanes;       // int32 [count], lanes of the store; 0: the first `count`
  uint64_t newLengths;  // int32 [count], for release; 0: nothing is left
  PagePool pool;
  LaneStore store;
  int32_t count;
};

/**
 * `kvfold_read_entries` (grid `[ceil(slots / 8), lanes]`, block 256): entries in float32. Either as pages of the float32
 * layout, rotated as attention would have them, for stores that rotate when they read; or as plain keys and values. Lane l has
 * the pages `l * slots / view.pageSlots` and following. Columns go along; an end that the store does not have is none yet.
 */
struct ReadEntriesArgs {
  uint64_t rows;       // int32 [rows]; 0: the same
  uint64_t entries;    // pages of `view`, written; 0: not wanted
  uint64_t keys;       // float32 [lanes, slots, headDim], written, 0 behind a lane's end; 0: not wanted
  uint64_t values;     // float32 [lanes, slots, headDim], likewise
  uint64_t cos;        // float32 [positions, half], of all positions from 0; 0: no rotation
  uint64_t sin;
  LaneStore store;
  int32_t lanes;
  int32_t slots;
  int32_t positions;
  int32_t half;
  int32_t blank;       // channel that keys lose; below 0: none
  int32_t bySlot;      // 1: keys stand at their slot, 0: at their token's position
  EntryLayout view;    // of `entries`: float32, with the store's columns and perhaps one more, for ends
};

/** `kvfold_write_entries` (grid and block as above, behind `kvfold_lane_reserve`): plain keys and values into pages. */
struct WriteEntriesArgs {
  uint64_t keys;     // float32 [lanes, slots, headDim]
  uint64_t values;   // float32 [lanes, slots, headDim]
  LaneStore store;   // lanes of the call, with their lengths
  int32_t lanes;
  int32_t slots;
};

/** `kvfold_read_column`, `kvfold_write_column`: grid `[ceil(slots / 256), lanes]`, block 256. Columns are moved as bits. */
struct ColumnArgs {
  uint64_t rows;    // int32 [rows]; 0: the same
  uint64_t values;  // int32 [lanes, slots]; read: 0 behind a lane's end
  LaneStore store;
  int32_t slots;
  int32_t column;
};

/**
 * `kvfold_overwrite_plan`, grid lanes, block 128: plays the overwrites of a chunk, whose tokens were appended, one after the
 * other. Entries that are replaced end in `view` with the token that replaces them; `order` has what is left when the chunk
 * ends, for `kvfold_lane_move`.
 */
struct OverwritePlanArgs {
  uint64_t counts;      // int32 [rows], real tokens
  uint64_t positions;   // int32 [rows], of the first tokens
  uint64_t oldLengths;  // int32 [lanes] of the chunk's plan
  uint64_t slots;       // int32 [lanes, T]: the entry that each token replaces, if there is one
  uint64_t order;       // int32 [lanes, orderSlots], written
  uint64_t newLengths;  // int32 [lanes], written
  LaneStore view;       // entries as `kvfold_read_entries` left them
  int32_t tokens;
  int32_t orderSlots;   // at least the longest lane with the chunk
};

/** `kvfold_end_last`: sets `until` of each lane's last entry. Grid `ceil(lanes / 128)`, block 128. */
struct EndLastArgs {
  uint64_t rows;    // int32 [rows]; 0: the same
  uint64_t until;   // int32 [rows, kvHeads]
  LaneStore store;
  int32_t lanes;
};

}  // namespace kvfold
