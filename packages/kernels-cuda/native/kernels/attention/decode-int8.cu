// Shared memory bounds how many warps run at once, not registers: few blocks of at most 4 warps.
#include "decode-kernel.h"

extern "C" __global__ void __launch_bounds__(128, kvfold::mostDecodeBlocks(kvfold::EntryCodec::int8, 32))
    kvfold_decode_attention_int8_32(const kvfold::DecodeAttentionArgs args) {
  kvfold::decodeAttention<kvfold::EntryCodec::int8, 32>(args);
}
KVFOLD_KERNEL(kvfold_decode_attention_int8_32, kvfold::DecodeAttentionArgs)

extern "C" __global__ void __launch_bounds__(128, kvfold::mostDecodeBlocks(kvfold::EntryCodec::int8, 64))
    kvfold_decode_attention_int8_64(const kvfold::DecodeAttentionArgs args) {
  kvfold::decodeAttention<kvfold::EntryCodec::int8, 64>(args);
}
KVFOLD_KERNEL(kvfold_decode_attention_int8_64, kvfold::DecodeAttentionArgs)

extern "C" __global__ void __launch_bounds__(128, kvfold::mostDecodeBlocks(kvfold::EntryCodec::int8, 96))
    kvfold_decode_attention_int8_96(const kvfold::DecodeAttentionArgs args) {
  kvfold::decodeAttention<kvfold::EntryCodec::int8, 96>(args);
}
KVFOLD_KERNEL(kvfold_decode_attention_int8_96, kvfold::DecodeAttentionArgs)

extern "C" __global__ void __launch_bounds__(128, kvfold::mostDecodeBlocks(kvfold::EntryCodec::int8, 128))
    kvfold_decode_attention_int8_128(const kvfold::DecodeAttentionArgs args) {
  kvfold::decodeAttention<kvfold::EntryCodec::int8, 128>(args);
}
KVFOLD_KERNEL(kvfold_decode_attention_int8_128, kvfold::DecodeAttentionArgs)

extern "C" __global__ void __launch_bounds__(128, kvfold::mostDecodeBlocks(kvfold::EntryCodec::int8, 256))
    kvfold_decode_attention_int8_256(const kvfold::DecodeAttentionArgs args) {
  kvfold::decodeAttention<kvfold::EntryCodec::int8, 256>(args);
}
KVFOLD_KERNEL(kvfold_decode_attention_int8_256, kvfold::DecodeAttentionArgs)

extern "C" __global__ void __launch_bounds__(kvfold::decodeMergeThreads) kvfold_decode_merge_int8_32(const kvfold::DecodeMergeArgs args) {
  kvfold::mergeDecoded<kvfold::EntryCodec::int8, 32>(args);
}
KVFOLD_KERNEL(kvfold_decode_merge_int8_32, kvfold::DecodeMergeArgs)

extern "C" __global__ void __launch_bounds__(kvfold::decodeMergeThreads) kvfold_decode_merge_int8_64(const kvfold::DecodeMergeArgs args) {
  kvfold::mergeDecoded<kvfold::EntryCodec::int8, 64>(args);
}
KVFOLD_KERNEL(kvfold_decode_merge_int8_64, kvfold::DecodeMergeArgs)

extern "C" __global__ void __launch_bounds__(kvfold::decodeMergeThreads) kvfold_decode_merge_int8_96(const kvfold::DecodeMergeArgs args) {
  kvfold::mergeDecoded<kvfold::EntryCodec::int8, 96>(args);
}
KVFOLD_KERNEL(kvfold_decode_merge_int8_96, kvfold::DecodeMergeArgs)

extern "C" __global__ void __launch_bounds__(kvfold::decodeMergeThreads) kvfold_decode_merge_int8_128(const kvfold::DecodeMergeArgs args) {
  kvfold::mergeDecoded<kvfold::EntryCodec::int8, 128>(args);
}
KVFOLD_KERNEL(kvfold_decode_merge_int8_128, kvfold::DecodeMergeArgs)

extern "C" __global__ void __launch_bounds__(kvfold::decodeMergeThreads) kvfold_decode_merge_int8_256(const kvfold::DecodeMergeArgs args) {
  kvfold::mergeDecoded<kvfold::EntryCodec::int8, 256>(args);
}
KVFOLD_KERNEL(kvfold_decode_merge_int8_256, kvfold::DecodeMergeArgs)
