#include "transfer.h"

#include <algorithm>
#include <cstring>

#include "../system/memory-pool.h"
#include "../system/runtime.h"
#include "write.h"

namespace kvfold {
namespace {

/** Entry `i` of page `p` in float32. */
void decodeEntry(const StoreShape& shape, const Lane& lane, int64_t p, int64_t i, float* entry) {
  uint8_t* page = lane.pages[p].data;
  if (lane.open && p == lane.pageCount - 1 && i == lane.pages[p].count - 1) {
    memcpy(entry, shape.open(lane.state), static_cast<size_t>(shape.dims) * 8);
    return;
  }
  kernels().entries->decode[static_cast<int>(shape.options.codec)](shape.slot(page, i), shape.scales(page, i), shape.dims,
                                                                   entry);
}

/** Padded state to the numbers of a file and back. */
void exportState(const StoreShape& shape, uint8_t* state, float* sums, float& count) {
  const int64_t headDim = shape.options.headDim, dims = shape.dims;
  for (int64_t row = 0; row < shape.ringRows; row++, sums += 2 * headDim + 1) {
    const float* from = shape.ring(state) + row * 2 * dims;
    memcpy(sums, from, static_cast<size_t>(headDim) * 4);
    memcpy(sums + headDim, from + dims, static_cast<size_t>(headDim) * 4);
    sums[2 * headDim] = shape.weights(state)[row];
  }
  count = static_cast<float>(shape.count(state));
}

void importState(const StoreShape& shape, uint8_t* state, const float* sums, float count) {
  const int64_t headDim = shape.options.headDim, dims = shape.dims;
  for (int64_t row = 0; row < shape.ringRows; row++, sums += 2 * headDim + 1) {
    float* to = shape.ring(state) + row * 2 * dims;
    memcpy(to, sums, static_cast<size_t>(headDim) * 4);
    memcpy(to + dims, sums + headDim, static_cast<size_t>(headDim) * 4);
    shape.weights(state)[row] = sums[2 * headDim];
  }
  const float most = 2e9f;
  shape.count(state) = count > 0 ? static_cast<int32_t>(count < most ? count : most) : 0;
}

bool importLane(const StoreShape& shape, Lane& lane, int64_t length, const StoreContent& content, int64_t first,
                int64_t laneIndex) {
  const int64_t headDim = shape.options.headDim, dims = shape.dims;
  const Scratch memory(dims * 8);
  if (!memory.ok()) return false;
  float* entry = memory.as<float>();
  memset(entry, 0, static_cast<size_t>(dims) * 8);
  for (int64_t i = 0; i < length; i++) {
    Place place;
    if (!appendEntry(shape, lane, place)) return false;
    memcpy(entry, content.keys + (first + i) * headDim, static_cast<size_t>(headDim) * 4);
    memcpy(entry + dims, content.values + (first + i) * headDim, static_cast<size_t>(headDim) * 4);
    putEntry(shape, place, entry, 0, forEver);
    for (int64_t c = 0; c < shape.options.columns; c++) {
      shape.column(place.page, c)[place.slot] = content.columns[c][first + i];
    }
  }
  if (lane.state == nullptr) return true;
  const int64_t stateFloats = shape.ringRows * (2 * headDim + 1);
  importState(shape, lane.state, content.sums + laneIndex * stateFloats, content.counts[laneIndex]);
  if (!shape.keepsOpen() || length == 0) return true;
  memcpy(shape.open(lane.state), entry, static_cast<size_t>(dims) * 8);
  lane.open = true;
  return true;
}

}  // namespace

void readColumn(const Store& store, const Step& step, int64_t column, int64_t slots, int32_t* out) {
  const StoreShape& shape = store.shape();
  const int64_t lanes = step.rowCount * shape.options.kvHeads;
  memset(out, 0, static_cast<size_t>(lanes * slots) * 4);
  for (int64_t stepLane = 0; stepLane < lanes; stepLane++) {
    const Lane& lane = store.table[laneOf(store, step, stepLane)];
    int32_t* to = out + stepLane * slots;
    for (int64_t p = 0; p < lane.pageCount; p++) {
      memcpy(to, shape.column(lane.pages[p].data, column), static_cast<size_t>(lane.pages[p].count) * 4);
      to += lane.pages[p].count;
    }
  }
}

bool writeColumn(Store& store, const Step& step, int64_t column, int64_t slots, const int32_t* values) {
  const StoreShape& shape = store.shape();
  for (int64_t stepLane = 0; stepLane < step.rowCount * shape.options.kvHeads; stepLane++) {
    Lane& lane = store.table[laneOf(store, step, stepLane)];
    const int32_t* from = values + stepLane * slots;
    for (int64_t p = 0; p < lane.pageCount; p++) {
      if (!writablePage(shape, lane, p)) return false;
      memcpy(shape.column(lane.pages[p].data, column), from, static_cast<size_t>(lane.pages[p].count) * 4);
      from += lane.pages[p].count;
    }
  }
  return true;
}

void readEntries(const Store& store, const Step& step, bool values, int64_t slots, float* out) {
  const StoreShape& shape = store.shape();
  const int64_t headDim = shape.options.headDim, dims = shape.dims, lanes = step.rowCount * shape.options.kvHeads;
  memset(out, 0, static_cast<size_t>(lanes * slots * headDim) * 4);
  const Scratch entry(dims * 8);
  for (int64_t stepLane = 0; entry.ok() && stepLane < lanes; stepLane++) {
    const Lane& lane = store.table[laneOf(store, step, stepLane)];
    float* to = out + stepLane * slots * headDim;
    for (int64_t p = 0; p < lane.pageCount; p++) {
      for (int64_t i = 0; i < lane.pages[p].count; i++, to += headDim) {
        decodeEntry(shape, lane, p, i, entry.as<float>());
        memcpy(to, entry.as<float>() + (values ? dims : 0), static_cast<size_t>(headDim) * 4);
      }
    }
  }
}

bool exportContent(Store& store, const StoreContent& content) {
  const StoreShape& shape = store.shape();
  const int64_t headDim = shape.options.headDim, dims = shape.dims;
  const Scratch entry(dims * 8);
  if (!entry.ok()) return false;
  int64_t at = 0;
  for (int64_t i = 0; i < store.table.count(); i++) {
    Lane& lane = store.table[i];
    if (!packLane(shape, lane)) return false;
    for (int64_t p = 0; p < lane.pageCount; p++) {
      for (int64_t slot = 0; slot < lane.pages[p].count; slot++, at++) {
        decodeEntry(shape, lane, p, slot, entry.as<float>());
        memcpy(content.keys + at * headDim, entry.as<float>(), static_cast<size_t>(headDim) * 4);
        memcpy(content.values + at * headDim, entry.as<float>() + dims, static_cast<size_t>(headDim) * 4);
        for (int64_t c = 0; c < shape.options.columns; c++) {
          content.columns[c][at] = shape.column(lane.pages[p].data, c)[slot];
        }
      }
    }
    if (lane.state == nullptr) continue;
    exportState(shape, lane.state, content.sums + i * shape.ringRows * (2 * headDim + 1), content.counts[i]);
  }
  return true;
}

bool importContent(Store& store, const int32_t* lengths, int64_t lanes, const StoreContent& content) {
  const StoreShape& shape = store.shape();
  LaneTable fresh(shape);
  Growable<int32_t> empty;
  if (!empty.resize(lanes)) return false;
  for (int32_t& lane : empty) lane = -1;
  if (!fresh.select(fresh, empty.data(), lanes)) return false;
  int64_t first = 0;
  for (int64_t i = 0; i < lanes; i++) {
    if (!importLane(shape, fresh[i], lengths[i], content, first, i)) return false;
    first += lengths[i];
  }
  store.endStep();
  if (!store.table.copy(fresh)) return false;
  store.notePeak();
  return true;
}

void cropRows(Store& store, const int32_t* entries) {
  for (int64_t i = 0; i < store.table.count(); i++) {
    cropLane(store.shape(), store.table[i], entries[i / store.shape().options.kvHeads]);
  }
}

bool countBytes(const LaneTable& table, StoreBytes& bytes, Growable<double>& shared) {
  const StoreShape& shape = table.shape();
  bytes = {0, 0};
  struct Found {
    const uint8_t* page;
    int64_t bytes;
    bool state;
  };
  Growable<Found> several;
  const auto count = [&](const PagePool& pool, const uint8_t* page, bool state) {
    if (pageIsShared(pool, page)) return several.push({page, pageBytes(pool), state});
    bytes.own += pageBytes(pool);
    bytes.state += state ? pageBytes(pool) : 0;
    return true;
  };
  for (int64_t i = 0; i < table.count(); i++) {
    const Lane& lane = table[i];
    for (int64_t p = 0; p < lane.pageCount; p++) {
      if (!count(*shape.pages, lane.pages[p].data, false)) return false;
    }
    if (lane.state != nullptr && !count(*shape.states, lane.state, true)) return false;
  }
  std::sort(several.begin(), several.end(), [](const Found& a, const Found& b) { return a.page < b.page; });
  for (int64_t i = 0; i < several.size(); i++) {
    if (i > 0 && several[i].page == several[i - 1].page) continue;
    if (!shared.push(static_cast<double>(reinterpret_cast<uintptr_t>(several[i].page)))) return false;
    if (!shared.push(static_cast<double>(several[i].bytes))) return false;
    bytes.state += several[i].state ? several[i].bytes : 0;
  }
  return true;
}

}  // namespace kvfold
