// An entry as a page holds it, in float32.
#pragma once
#include "../kernels/args/lane-store.h"
#include "../kernels/math/bf16.h"
#include "check.h"

namespace kvfold::test {

/** `[key | value]`, `2 * dims` floats. */
inline std::vector<float> storedEntry(const EntryLayout& layout, const unsigned char* page, int inPage) {
  const EntryCodec codec = static_cast<EntryCodec>(layout.codec);
  const unsigned char* from = page + inPage * entryBytesOf(codec, layout.dims);
  std::vector<float> entry(2 * layout.dims);
  for (int i = 0; i < 2 * layout.dims; i++) {
    if (codec == EntryCodec::f32) {
      memcpy(&entry[i], from + 4 * i, 4);
    } else if (codec == EntryCodec::bf16) {
      uint16_t bits;
      memcpy(&bits, from + 2 * i, 2);
      entry[i] = bf16ToFloat(bits);
    } else {
      float scale;
      memcpy(&scale, page + layout.scalesOffset + 8 * inPage + (i >= layout.dims ? 4 : 0), 4);
      entry[i] = static_cast<float>(static_cast<int8_t>(from[i])) * scale;
    }
  }
  return entry;
}

/** How far a stored number may be from what was written, relative to the largest of its vector. */
inline double codecError(EntryCodec codec) {
  return codec == EntryCodec::f32 ? 2e-6 : codec == EntryCodec::bf16 ? 1.0 / 256 : 1.0 / 250;
}

}  // namespace kvfold::test
