// A warp's stream of tiles on its way through shared memory. Warps do not wait for one another.
#pragma once
#include "../args/decode-attention.h"
#include "../device/async-copy.h"
#include "tile-owner.h"

namespace kvfold {

/** What the reader of a stage must know of its tile. */
struct TileNote {
  int lane;       // (row, KV head, pass) of the step
  int storeLane;
  int firstSlot;  // of the tile in its lane
  int entries;    // closed or open entries from the page; 0 to `tileEntries`
  int queryPosition;
  bool ends;      // the last tile of the lane within this warp's stretch
  bool opens;     // the lane's open entry follows, in float32 in its state
};

/** Bytes of a page that a kernel reads, by codec and padded head. */
template <EntryCodec codec, int dims>
struct TileShape {
  static constexpr int entryBytes = entryBytesOf(codec, dims);
  static constexpr int chunks = entryBytes / 16;
  static constexpr int tileBytes = tileEntries * entryBytes;
  static constexpr int stageBytes = tileBytes + stageNotesBytes;
  /** Chunks of a row change places by the row, so that rows of one chunk lie in different banks. */
  static constexpr int swizzle = codec == EntryCodec::f32 ? 0 : chunks % 8 == 0 ? 7 : 3;
  static KVFOLD_DEVICE int offsetOf(int row, int chunk) { return row * entryBytes + (chunk ^ (row & swizzle)) * 16; }
};

template <EntryCodec codec, int dims>
class DecodeStream {
 public:
  using Shape = TileShape<codec, dims>;

  KVFOLD_DEVICE DecodeStream(const DecodeAttentionArgs& args, unsigned char* shared, const TileShare& share, int worker)
      : args_(args), shared_(shared), next_(share.begin(worker)), end_(share.begin(worker + 1)) {
    const int* starts = at<const int>(args.tileStarts);
    lane_ = laneOfTile(starts, args.rowCount * args.store.kvHeads * args.passes, next_ < share.tiles ? next_ : 0);
    openLane();
  }

  KVFOLD_DEVICE bool hasMore() const { return next_ < end_; }

  /** Starts the copies of the next tile into a stage, or an empty group when there is none. */
  KVFOLD_DEVICE void produce(int stage) {
    if (next_ < end_) {
      copyTile(stage);
      advance();
    }
    commitCopies();
  }

  KVFOLD_DEVICE const unsigned char* entries(int stage) const { return shared_ + stage * Shape::stageBytes; }
  KVFOLD_DEVICE const float* scales(int stage) const {
    return reinterpret_cast<const float*>(entries(stage) + Shape::tileBytes);
  }
  KVFOLD_DEVICE const int* positions(int stage) const {
    return reinterpret_cast<const int*>(entries(stage) + Shape::tileBytes + 8 * tileEntries);
  }
  KVFOLD_DEVICE const int* untils(int stage) const { return positions(stage) + tileEntries; }

  KVFOLD_DEVICE TileNote note(int stage) const {
    const int* words = untils(stage) + tileEntries;
    return {words[0], words[1], words[2], words[3], words[4], (words[5] & 1) != 0, (words[5] & 2) != 0};
  }

 private:
  /** Reads what belongs to `lane_`, and the page of its tile `next_`. */
  KVFOLD_DEVICE void openLane() {
    const int* starts = at<const int>(args_.tileStarts);
    const int perRow = args_.store.kvHeads * args_.passes;
    const int row = lane_ / perRow, head = lane_ % perRow / args_.passes;
    const int storeRow = args_.rows == 0 ? row : at<const int>(args_.rows)[row];
    storeLane_ = storeRow * args_.store.kvHeads + head;
    laneStart_ = starts[lane_];
    laneEnd_ = starts[lane_ + 1];
    length_ = at<const int>(args_.store.lengths)[storeLane_];
    queryPosition_ = args_.queryPositions == 0 ? 0 : at<const int>(args_.queryPositions)[row];
    keepsOpen_ = args_.store.states != 0 && args_.store.layout.openOffset != 0 && length_ > 0 &&
                 at<const int>(args_.store.states + static_cast<int64_t>(storeLane_) * args_.store.layout.stateBytes)[1] != 0;
    fetchPage();
  }

  KVFOLD_DEVICE void fetchPage() {
    const int slot = (next_ - laneStart_) * tileEntries;
    const int* table = at<const int>(args_.store.pageTable) + static_cast<int64_t>(storeLane_) * args_.store.pageCapacity;
    page_ = slot < length_ ? table[slot / args_.store.layout.pageSlots] : 0;
  }

  /** The page of the tile after is asked for now and used a turn later. */
  KVFOLD_DEVICE void advance() {
    next_++;
    if (next_ >= end_) return;
    if (next_ < laneEnd_) {
      fetchPage();
    } else {
      lane_++;
      openLane();
    }
  }

  KVFOLD_DEVICE void copyTile(int stage) {
    const EntryLayout& layout = args_.store.layout;
    const int lane = threadIdx.x & 31;
    const int firstSlot = (next_ - laneStart_) * tileEntries;
    const int closed = keepsOpen_ ? length_ - 1 : length_;
    const int left = closed - firstSlot;
    const int count = left < 0 ? 0 : left > tileEntries ? tileEntries : left;
    const int inPage = firstSlot % layout.pageSlots;
    const unsigned char* page = at<const unsigned char>(args_.store.pages) + static_cast<int64_t>(page_) * layout.pageBytes;
    const unsigned char* from = page + inPage * Shape::entryBytes;
    unsigned char* to = shared_ + stage * Shape::stageBytes;
    KVFOLD_UNROLL
    for (int i = 0; i < tileEntries * Shape::chunks / 32; i++) {
      const int index = i * 32 + lane, row = index / Shape::chunks, chunk = index % Shape::chunks;
      copyAsync16(to + Shape::offsetOf(row, chunk), from + index * 16, row < count);
    }
    unsigned char* notes = to + Shape::tileBytes;
    if (codec == EntryCodec::int8 && lane < tileEntries / 2) {
      copyAsync16(notes + lane * 16, page + layout.scalesOffset + inPage * 8 + lane * 16, count > 0);
    }
    copyColumn(layout.positionColumn, lane - 8, notes + 8 * tileEntries, page, inPage, count);
    copyColumn(layout.untilColumn, lane - 16, notes + 12 * tileEntries, page, inPage, count);
    if (lane != 0) return;
    int* words = reinterpret_cast<int*>(notes + 16 * tileEntries);
    words[0] = lane_;
    words[1] = storeLane_;
    words[2] = firstSlot;
    words[3] = count;
    words[4] = queryPosition_;
    const bool last = next_ + 1 == laneEnd_;
    words[5] = (last || next_ + 1 == end_ ? 1 : 0) | (last && keepsOpen_ ? 2 : 0);
  }

  KVFOLD_DEVICE void copyColumn(int column, int chunk, unsigned char* to, const unsigned char* page, int inPage, int count) {
    if (column < 0 || chunk < 0 || chunk >= tileEntries / 4) return;
    const EntryLayout& layout = args_.store.layout;
    const unsigned char* from = page + layout.columnsOffset + 4 * (column * layout.pageSlots + inPage);
    copyAsync16(to + chunk * 16, from + chunk * 16, count > 0);
  }

  const DecodeAttentionArgs& args_;
  unsigned char* shared_;
  int next_;
  int end_;
  int lane_;
  int storeLane_ = 0;
  int laneStart_ = 0;
  int laneEnd_ = 0;
  int length_ = 0;
  int page_ = 0;
  int queryPosition_ = 0;
  bool keepsOpen_ = false;
};

/** Whether a query may see an entry of a tile. */
KVFOLD_DEVICE bool isVisible(const DecodeAttentionArgs& args, const TileNote& note, const int* positions, const int* untils,
                             int entry) {
  if (entry >= note.entries) return false;
  if (args.queryPositions == 0) return true;
  const int position = args.store.layout.positionColumn < 0 ? note.firstSlot + entry : positions[entry];
  const int distance = note.queryPosition - position;
  if (distance >= args.window || (position >= args.sinks && distance >= args.recent)) return false;
  return args.store.layout.untilColumn < 0 || note.queryPosition < untils[entry];
}

}  // namespace kvfold
