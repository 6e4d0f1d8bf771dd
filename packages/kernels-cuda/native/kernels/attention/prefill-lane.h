// What a block of prefill attention knows of its lane: which queries it has, which entries they may see.
#pragma once
#include "../args/decode-attention.h"
#include "../args/prefill-attention.h"
#include "../device/platform.h"

namespace kvfold {

/** Numbers that go with an entry beside its scales. */
struct EntryNotes {
  int position;
  int until;  // first query position that no longer sees it
  int from;   // first that does
};

/** `rows` queries, the heads of a token's group side by side. */
template <int rows>
struct PrefillLane {
  const PrefillAttentionArgs& args;
  const int lane;
  int storeLane;
  int count;
  int position;
  int oldLength;
  int length;
  int firstRow;

  KVFOLD_DEVICE explicit PrefillLane(const PrefillAttentionArgs& given) : args(given), lane(static_cast<int>(blockIdx.y)) {
    const int kvHeads = args.store.kvHeads, row = lane / kvHeads;
    storeLane = (args.rows == 0 ? row : at<const int>(args.rows)[row]) * kvHeads + lane % kvHeads;
    count = at<const int>(args.counts)[row];
    position = at<const int>(args.positions)[row];
    oldLength = at<const int>(args.oldLengths)[lane];
    length = at<const int>(args.store.lengths)[storeLane];
    firstRow = static_cast<int>(blockIdx.x) * rows;
  }

  /** Token and head of a row of the block's queries. */
  KVFOLD_DEVICE int tokenOf(int row) const { return (firstRow + row) / args.group; }
  KVFOLD_DEVICE int64_t queryOf(int row) const {
    const int head = (firstRow + row) % args.group;
    return (static_cast<int64_t>(lane) * args.group + head) * args.tokens + tokenOf(row);
  }
  KVFOLD_DEVICE bool isReal(int row) const { return tokenOf(row) < count; }

  /** A query's own state, key then value of `dims` floats. */
  KVFOLD_DEVICE const float* ownOf(int row, int dims) const {
    return at<const float>(args.own) + (static_cast<int64_t>(lane) * args.tokens + tokenOf(row)) * 2 * dims;
  }

  /** Entries that the last of the block's queries may see: its own one ends them, or is seen as its own state. */
  KVFOLD_DEVICE int lastEntry() const {
    int last = tokenOf(rows - 1);
    last = last < count ? last : count - 1;
    if (last < 0 || !isReal(0)) return 0;
    const int slot = at<const int>(args.slots)[static_cast<int64_t>(lane) * args.tokens + last];
    const int entries = args.own != 0 ? slot : slot + 1;
    return slot < 0 ? 0 : entries < length ? entries : length;
  }

  KVFOLD_DEVICE const unsigned char* pageAt(int slot) const {
    const int* table = at<const int>(args.store.pageTable) + static_cast<int64_t>(storeLane) * args.store.pageCapacity;
    return at<const unsigned char>(args.store.pages) +
           static_cast<int64_t>(table[slot / args.store.layout.pageSlots]) * args.store.layout.pageBytes;
  }

  KVFOLD_DEVICE int columnOf(int column, int slot, int absent) const {
    const EntryLayout& layout = args.store.layout;
    if (column < 0) return absent;
    return reinterpret_cast<const int*>(pageAt(slot) + layout.columnsOffset)[column * layout.pageSlots + slot % layout.pageSlots];
  }
  KVFOLD_DEVICE int positionOf(int slot) const { return columnOf(args.store.layout.positionColumn, slot, slot); }
  KVFOLD_DEVICE int untilOf(int slot) const { return columnOf(args.store.layout.untilColumn, slot, noEnd); }
  KVFOLD_DEVICE int fromOf(int slot) const {
    const int fresh = slot - oldLength + 1;
    return fresh < 0 ? 0 : at<const int>(args.from)[static_cast<int64_t>(lane) * (args.tokens + 1) + fresh];
  }

  /** Whether the query of a row sees an entry. */
  KVFOLD_DEVICE bool sees(int row, const EntryNotes& entry) const {
    const int query = position + tokenOf(row), distance = query - entry.position;
    return query >= entry.from && query < entry.until && distance < args.window && (entry.position < args.sinks || distance < args.recent);
  }
};

}  // namespace kvfold
