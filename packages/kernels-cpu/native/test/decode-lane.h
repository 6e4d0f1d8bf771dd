// What the tests of attention compare with: entries as they are stored.
#pragma once
#include "../store/store.h"
#include "../system/runtime.h"

namespace kvfold::test {

/** The entries of a lane in float32, `[length, 2 * dims]`. */
inline void decodeLane(const Store& store, int64_t lane, float* entries) {
  const StoreShape& shape = store.shape();
  const auto decode = kernels().entries->decode[static_cast<int>(shape.options.codec)];
  const Lane& held = store.table[lane];
  for (int64_t p = 0; p < held.pageCount; p++) {
    for (int64_t i = 0; i < held.pages[p].count; i++, entries += 2 * shape.dims) {
      uint8_t* page = held.pages[p].data;
      decode(shape.slot(page, i), shape.scales(page, i), shape.dims, entries);
    }
  }
}

}  // namespace kvfold::test
