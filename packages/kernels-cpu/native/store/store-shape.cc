#include "store-shape.h"

namespace kvfold {
namespace {

int64_t roundUp(int64_t bytes) { return (bytes + 63) / 64 * 64; }

}  // namespace

bool makeShape(const StoreOptions& options, StoreShape& shape) {
  shape = {};
  shape.options = options;
  shape.group = options.queryHeads / options.kvHeads;
  shape.dims = paddedHead(options.headDim);
  shape.slotBytes = entryBytes(options.codec, shape.dims);
  shape.scalesOffset = options.pageSlots * shape.slotBytes;
  const int64_t scaleBytes = options.codec == EntryCodec::int8 ? 8 * options.pageSlots : 0;
  shape.columnsOffset = shape.scalesOffset + scaleBytes;
  shape.pages = pagePool(shape.columnsOffset + 4 * options.pageSlots * options.columns);
  if (shape.pages == nullptr) return false;
  if (!options.merges) return true;
  shape.ringRows = options.window == noWindow ? 1 : options.window;
  shape.ringOffset = 64 + roundUp(4 * shape.ringRows);
  shape.openOffset = shape.ringOffset + shape.ringRows * 2 * shape.dims * 4;
  shape.states = pagePool(shape.openOffset + (shape.keepsOpen() ? 2 * shape.dims * 4 : 0));
  return shape.states != nullptr;
}

bool sameShape(const StoreShape& a, const StoreShape& b) {
  const StoreOptions &x = a.options, &y = b.options;
  return x.kvHeads == y.kvHeads && x.headDim == y.headDim && x.codec == y.codec && x.pageSlots == y.pageSlots &&
         x.columns == y.columns && x.positionColumn == y.positionColumn && x.untilColumn == y.untilColumn &&
         x.merges == y.merges && x.window == y.window && x.rotatesAtWrite == y.rotatesAtWrite;
}

}  // namespace kvfold
