// Shared memory bounds how many warps run at once, not registers: few blocks of at most 4 warps.
#include "decode-kernel.h"

extern "C" __global__ void __launch_bounds__(128, kvfold::mostDecodeBlocks(kvfold::EntryCodec::f32, 32))
    kvfold_decode_attention_f32_32(const kvfold::DecodeAttentionArgs args) {
  kvfold::decodeAttention<kvfold::EntryCodec::f32, 32>(args);
}
KVFOLD_KERNEL(kvfold_decode_attention_f32_32, kvfold::DecodeAttentionArgs)

extern "C" __global__ void __launch_bounds__(128, kvfold::mostDecodeBlocks(kvfold::EntryCodec::f32, 64))
    kvfold_decode_attention_f32_64(const kvfold::DecodeAttentionArgs args) {
  kvfold::decodeAttention<kvfold::EntryCodec::f32, 64>(args);
}
KVFOLD_KERNEL(kvfold_decode_attention_f32_64, kvfold::DecodeAttentionArgs)

extern "C" __global__ void __launch_bounds__(128, kvfold::mostDecodeBlocks(kvfold::EntryCodec::f32, 96))
    kvfold_decode_attention_f32_96(const kvfold::DecodeAttentionArgs args) {
  kvfold::decodeAttention<kvfold::EntryCodec::f32, 96>(args);
}
KVFOLD_KERNEL(kvfold_decode_attention_f32_96, kvfold::DecodeAttentionArgs)

extern "C" __global__ void __launch_bounds__(128, kvfold::mostDecodeBlocks(kvfold::EntryCodec::f32, 128))
    kvfold_decode_attention_f32_128(const kvfold::DecodeAttentionArgs args) {
  kvfold::decodeAttention<kvfold::EntryCodec::f32, 128>(args);
}
KVFOLD_KERNEL(kvfold_decode_attention_f32_128, kvfold::DecodeAttentionArgs)

extern "C" __global__ void __launch_bounds__(128, kvfold::mostDecodeBlocks(kvfold::EntryCodec::f32, 256))
    kvfold_decode_attention_f32_256(const kvfold::DecodeAttentionArgs args) {
  kvfold::decodeAttention<kvfold::EntryCodec::f32, 256>(args);
}
KVFOLD_KERNEL(kvfold_decode_attention_f32_256, kvfold::DecodeAttentionArgs)

extern "C" __global__ void __launch_bounds__(kvfold::decodeMergeThreads) kvfold_decode_merge_f32_32(const kvfold::DecodeMergeArgs args) {
  kvfold::mergeDecoded<kvfold::EntryCodec::f32, 32>(args);
}
KVFOLD_KERNEL(kvfold_decode_merge_f32_32, kvfold::DecodeMergeArgs)

extern "C" __global__ void __launch_bounds__(kvfold::decodeMergeThreads) kvfold_decode_merge_f32_64(const kvfold::DecodeMergeArgs args) {
  kvfold::mergeDecoded<kvfold::EntryCodec::f32, 64>(args);
}
KVFOLD_KERNEL(kvfold_decode_merge_f32_64, kvfold::DecodeMergeArgs)

extern "C" __global__ void __launch_bounds__(kvfold::decodeMergeThreads) kvfold_decode_merge_f32_96(const kvfold::DecodeMergeArgs args) {
  kvfold::mergeDecoded<kvfold::EntryCodec::f32, 96>(args);
}
KVFOLD_KERNEL(kvfold_decode_merge_f32_96, kvfold::DecodeMergeArgs)

extern "C" __global__ void __launch_bounds__(kvfold::decodeMergeThreads) kvfold_decode_merge_f32_128(const kvfold::DecodeMergeArgs args) {
  kvfold::mergeDecoded<kvfold::EntryCodec::f32, 128>(args);
}
KVFOLD_KERNEL(kvfold_decode_merge_f32_128, kvfold::DecodeMergeArgs)

extern "C" __global__ void __launch_bounds__(kvfold::decodeMergeThreads) kvfold_decode_merge_f32_256(const kvfold::DecodeMergeArgs args) {
  kvfold::mergeDecoded<kvfold::EntryCodec::f32, 256>(args);
}
KVFOLD_KERNEL(kvfold_decode_merge_f32_256, kvfold::DecodeMergeArgs)
