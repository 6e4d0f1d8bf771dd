// How one entry (the key and the value of one token or segment) lies in a page.
#pragma once
#include <cstdint>

namespace kvfold {

enum class EntryCodec { f32, bf16, int8 };

constexpr int entryCodecCount = 3;

/** Floats of a key in memory: head sizes are rounded up, with zeros, so that every vector is whole. */
constexpr int64_t paddedHead(int64_t headDim) { return (headDim + 15) / 16 * 16; }

/** Bytes of an entry, key then value, for padded heads of `dims`; the scales of int8 lie elsewhere in the page. */
constexpr int64_t entryBytes(EntryCodec codec, int64_t dims) {
  return 2 * dims * (codec == EntryCodec::f32 ? 4 : codec == EntryCodec::bf16 ? 2 : 1);
}

}  // namespace kvfold
