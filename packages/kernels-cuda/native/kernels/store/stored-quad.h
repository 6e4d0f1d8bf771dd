// Stored numbers as attention without tensor cores reads them.
#pragma once
#include "../args/lane-store.h"
#include "../math/bf16.h"

namespace kvfold {

/** Four codes of bf16, by the two words they lie in. */
KVFOLD_DEVICE float4 bf16Quad(uint2 words) {
  return make_float4(lowBf16(words.x), highBf16(words.x), lowBf16(words.y), highBf16(words.y));
}

/** Four codes of int8, by the word they lie in. */
KVFOLD_DEVICE float4 int8Quad(uint32_t word, float scale) {
  const auto code = [&](int byte) { return static_cast<float>(static_cast<int8_t>(word >> 8 * byte & 0xffu)) * scale; };
  return make_float4(code(0), code(1), code(2), code(3));
}

/** Numbers i to i + 3 of an entry `[key | value]` of a page; i is a multiple of 4. */
KVFOLD_DEVICE float4 storedQuad(const EntryLayout& layout, const unsigned char* page, int inPage, int i) {
  const EntryCodec codec = static_cast<EntryCodec>(layout.codec);
  const unsigned char* entry = page + inPage * entryBytesOf(codec, layout.dims);
  if (codec == EntryCodec::f32) return *reinterpret_cast<const float4*>(entry + 4 * i);
  if (codec == EntryCodec::bf16) return bf16Quad(*reinterpret_cast<const uint2*>(entry + 2 * i));
  const float scale = reinterpret_cast<const float*>(page + layout.scalesOffset)[2 * inPage + (i >= layout.dims ? 1 : 0)];
  return int8Quad(*reinterpret_cast<const uint32_t*>(entry + i), scale);
}

}  // namespace kvfold
