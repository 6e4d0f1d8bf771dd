#include "lane.h"

#include <cstdlib>
#include <cstring>

namespace kvfold {
namespace {

bool reservePages(Lane& lane, int64_t count) {
  if (count <= lane.pageCapacity) return true;
  const int64_t capacity = count > 2 * lane.pageCapacity ? count : 2 * lane.pageCapacity;
  void* grown = realloc(lane.pages, static_cast<size_t>(capacity) * sizeof(PageSpan));
  if (grown == nullptr) return false;
  lane.pages = static_cast<PageSpan*>(grown);
  lane.pageCapacity = capacity;
  return true;
}

bool addPage(const StoreShape& shape, Lane& lane) {
  if (!reservePages(lane, lane.pageCount + 1)) return false;
  uint8_t* page = takePage(*shape.pages, lane.pageCount == 0 ? nullptr : lane.pages[lane.pageCount - 1].data);
  if (page == nullptr) return false;
  lane.pages[lane.pageCount++] = {page, 0};
  return true;
}

void removePages(const StoreShape& shape, Lane& lane, int64_t from) {
  for (int64_t i = from; i < lane.pageCount; i++) letGoOfPage(*shape.pages, lane.pages[i].data);
  lane.pageCount = from;
}

/** Takes away the holes that pages left in the list, marked by null. */
void closeList(Lane& lane) {
  int64_t kept = 0;
  for (int64_t i = 0; i < lane.pageCount; i++) {
    if (lane.pages[i].data != nullptr) lane.pages[kept++] = lane.pages[i];
  }
  lane.pageCount = kept;
}

}  // namespace

void copyEntry(const StoreShape& shape, uint8_t* from, int64_t fromSlot, uint8_t* to, int64_t toSlot, int64_t count) {
  const auto bytes = [&](int64_t each) { return static_cast<size_t>(count * each); };
  memmove(shape.slot(to, toSlot), shape.slot(from, fromSlot), bytes(shape.slotBytes));
  if (shape.options.codec == EntryCodec::int8) {
    memmove(shape.scales(to, toSlot), shape.scales(from, fromSlot), bytes(8));
  }
  for (int64_t c = 0; c < shape.options.columns; c++) {
    memmove(shape.column(to, c) + toSlot, shape.column(from, c) + fromSlot, bytes(4));
  }
}

bool newLane(const StoreShape& shape, Lane& lane) {
  lane = {};
  if (shape.states == nullptr) return true;
  lane.state = takePage(*shape.states);
  if (lane.state == nullptr) return false;
  memset(lane.state, 0, static_cast<size_t>(pageBytes(*shape.states) - pageTrailerBytes));
  return true;
}

bool copyLane(const StoreShape& shape, const Lane& lane, Lane& copy) {
  copy = {};
  if (!reservePages(copy, lane.pageCount)) return false;
  for (int64_t i = 0; i < lane.pageCount; i++) {
    copy.pages[i] = lane.pages[i];
    holdPage(*shape.pages, lane.pages[i].data);
  }
  copy.pageCount = lane.pageCount;
  copy.length = lane.length;
  copy.open = lane.open;
  copy.state = lane.state;
  if (lane.state != nullptr) holdPage(*shape.states, lane.state);
  return true;
}

void freeLane(const StoreShape& shape, Lane& lane) {
  removePages(shape, lane, 0);
  if (lane.state != nullptr) letGoOfPage(*shape.states, lane.state);
  free(lane.pages);
  lane = {};
}

bool writablePage(const StoreShape& shape, Lane& lane, int64_t index) {
  PageSpan& span = lane.pages[index];
  if (!pageIsShared(*shape.pages, span.data)) return true;
  uint8_t* own = takePage(*shape.pages);
  if (own == nullptr) return false;
  copyEntry(shape, span.data, 0, own, 0, span.count);
  letGoOfPage(*shape.pages, span.data);
  span.data = own;
  return true;
}

bool writableState(const StoreShape& shape, Lane& lane) {
  if (!pageIsShared(*shape.states, lane.state)) return true;
  uint8_t* own = takePage(*shape.states);
  if (own == nullptr) return false;
  memcpy(own, lane.state, static_cast<size_t>(pageBytes(*shape.states) - pageTrailerBytes));
  letGoOfPage(*shape.states, lane.state);
  lane.state = own;
  return true;
}

bool appendEntry(const StoreShape& shape, Lane& lane, Place& place) {
  const bool full = lane.pageCount == 0 || lane.pages[lane.pageCount - 1].count == shape.options.pageSlots;
  if (full ? !addPage(shape, lane) : !writablePage(shape, lane, lane.pageCount - 1)) return false;
  PageSpan& last = lane.pages[lane.pageCount - 1];
  place = {last.data, last.count++};
  lane.length++;
  return true;
}

bool writableEntry(const StoreShape& shape, Lane& lane, int64_t slot, Place& place) {
  int64_t index = 0;
  while (slot >= lane.pages[index].count) slot -= lane.pages[index++].count;
  if (!writablePage(shape, lane, index)) return false;
  place = {lane.pages[index].data, slot};
  return true;
}

bool writableLast(const StoreShape& shape, Lane& lane, Place& place) {
  if (!writablePage(shape, lane, lane.pageCount - 1)) return false;
  const PageSpan& last = lane.pages[lane.pageCount - 1];
  place = {last.data, last.count - 1};
  return true;
}

void cropLane(const StoreShape& shape, Lane& lane, int64_t length) {
  if (length >= lane.length) return;
  int64_t index = 0, left = length;
  while (left > 0 && left >= lane.pages[index].count) left -= lane.pages[index++].count;
  if (left > 0) lane.pages[index++].count = left;
  removePages(shape, lane, index);
  lane.length = length;
  lane.open = false;
}

bool dropEntries(const StoreShape& shape, Lane& lane, const int32_t* dropped, int64_t count) {
  if (count == 0) return true;
  const bool last = dropped[count - 1] == lane.length - 1;
  int64_t base = 0, next = 0;
  bool ok = true;
  for (int64_t p = 0; p < lane.pageCount && next < count && ok; p++) {
    PageSpan& span = lane.pages[p];
    const int64_t end = base + span.count;
    int64_t until = next;
    while (until < count && dropped[until] < end) until++;
    const int64_t here = until - next;
    if (here == span.count) {
      letGoOfPage(*shape.pages, span.data);
      span.data = nullptr;
    } else if (here > 0 && (ok = writablePage(shape, lane, p))) {
      // the runs between dropped slots move forward
      int64_t to = dropped[next] - base;
      for (int64_t i = next; i < until; i++) {
        const int64_t from = dropped[i] + 1 - base;
        const int64_t stop = i + 1 < until ? dropped[i + 1] - base : span.count;
        copyEntry(shape, span.data, from, span.data, to, stop - from);
        to += stop - from;
      }
      span.count = to;
    }
    if (ok) {
      base = end;
      next = until;
    }
  }
  closeList(lane);
  lane.length -= next;
  if (last && ok) lane.open = false;
  if (!ok) return false;
  const int64_t ideal = (lane.length + shape.options.pageSlots - 1) / shape.options.pageSlots;
  const int64_t spare = ideal / 32 > 1 ? ideal / 32 : 1;
  return lane.pageCount <= ideal + spare || packLane(shape, lane);
}

bool packLane(const StoreShape& shape, Lane& lane) {
  const int64_t slots = shape.options.pageSlots;
  bool ok = true;
  int64_t from = 0;
  for (int64_t to = 0; to < lane.pageCount && ok;) {
    PageSpan& target = lane.pages[to];
    from = from > to ? from : to + 1;
    while (from < lane.pageCount && lane.pages[from].data == nullptr) from++;
    if (from >= lane.pageCount) break;
    if (target.data == nullptr || target.count == slots) {
      to++;
      continue;
    }
    PageSpan& source = lane.pages[from];
    const int64_t room = slots - target.count;
    const int64_t moved = room < source.count ? room : source.count;
    ok = writablePage(shape, lane, to) && (moved == source.count || writablePage(shape, lane, from));
    if (!ok) break;
    copyEntry(shape, source.data, 0, target.data, target.count, moved);
    target.count += moved;
    source.count -= moved;
    if (source.count > 0) {
      copyEntry(shape, source.data, moved, source.data, 0, source.count);
    } else {
      letGoOfPage(*shape.pages, source.data);
      source.data = nullptr;
    }
  }
  closeList(lane);
  return ok;
}

bool reorderLane(const StoreShape& shape, Lane& lane, const int32_t* order, int64_t count) {
  Lane fresh = {};
  bool ok = true;
  for (int64_t i = 0; i < count && ok; i++) {
    int64_t index = 0, slot = order[i];
    while (slot >= lane.pages[index].count) slot -= lane.pages[index++].count;
    Place place;
    ok = appendEntry(shape, fresh, place);
    if (ok) copyEntry(shape, lane.pages[index].data, slot, place.page, place.slot, 1);
  }
  if (!ok) {
    freeLane(shape, fresh);
    return false;
  }
  fresh.state = lane.state;
  lane.state = nullptr;
  freeLane(shape, lane);
  lane = fresh;
  return true;
}

}  // namespace kvfold
