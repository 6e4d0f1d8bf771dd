#include "attend.h"

#include "../system/runtime.h"

namespace kvfold {

bool attend(const Store& store, const AttendCall& call) {
  return call.step.tokens == 1 ? attendOne(store, call) : attendMany(store, call);
}

bool anythingEnds(const Store& store, const AttendCall& call) {
  return call.window < noLimit || call.recent < noLimit || store.overwriting ||
         store.shape().options.untilColumn != noColumn;
}

int32_t visibleUntil(const Store& store, const AttendCall& call, int64_t lane, uint8_t* page, int64_t slotInPage,
                     int64_t slot) {
  const StoreShape& shape = store.shape();
  const int64_t position = Positions(shape).of(page, slotInPage, slot);
  int64_t until = forEver;
  const auto atMost = [&](int64_t end) { until = end < until ? end : until; };
  atMost(position + call.window);
  if (position >= call.sinks) atMost(position + call.recent);
  if (shape.options.untilColumn != noColumn) atMost(shape.column(page, shape.options.untilColumn)[slotInPage]);
  if (store.overwriting) atMost(store.steps[lane].gone[slot]);
  return static_cast<int32_t>(until);
}

void LaneReader::seek(int64_t slot) {
  const Lane& lane = store_.table[lane_];
  slot_ = slot;
  page_ = 0;
  while (page_ < lane.pageCount && slot >= lane.pages[page_].count) slot -= lane.pages[page_++].count;
  inPage_ = slot;
}

void LaneReader::read(int64_t count, float* entries, int32_t* until) {
  const StoreShape& shape = store_.shape();
  const Lane& lane = store_.table[lane_];
  const EntryKernels& kernel = *kernels().entries;
  const auto decode = kernel.decode[static_cast<int>(shape.options.codec)];
  const ReadRotation& reading = call_.reading;
  for (int64_t i = 0; i < count; i++, slot_++, inPage_++) {
    while (inPage_ == lane.pages[page_].count) {
      page_++;
      inPage_ = 0;
    }
    uint8_t* page = lane.pages[page_].data;
    float* entry = entries + i * 2 * shape.dims;
    if (lane.open && slot_ == lane.length - 1) {
      __builtin_memcpy(entry, shape.open(lane.state), static_cast<size_t>(shape.dims) * 8);
    } else {
      decode(shape.slot(page, inPage_), shape.scales(page, inPage_), shape.dims, entry);
    }
    if (until != nullptr) until[i] = visibleUntil(store_, call_, lane_, page, inPage_, slot_);
    if (shape.options.rotatesAtWrite) continue;
    int64_t at = reading.bySlot ? slot_ : Positions(shape).of(page, inPage_, slot_);
    // an entry point checks that there are angles for every entry; stays in bounds whatever a column says
    at = at < 0 ? 0 : at < reading.positions ? at : reading.positions - 1;
    const bool turns = reading.cos != nullptr && reading.positions > 0;
    kernel.turn(entry, turns ? reading.cos + at * reading.half : nullptr,
                turns ? reading.sin + at * reading.half : nullptr, reading.half, shape.options.headDim, shape.dims,
                reading.blank, entry);
  }
}

}  // namespace kvfold
