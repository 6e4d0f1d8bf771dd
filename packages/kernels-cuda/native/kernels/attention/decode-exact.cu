// Decode attention over coded entries in float32 throughout: `kvfold_decode_attention_exact_<codec>_<dims>`. Arguments and
// launch are those of `kvfold_decode_attention_<codec>_<dims>` but for the passes, which are those over float32 entries, as
// is the merge that follows: `kvfold_decode_merge_f32_<dims>`.
#include "decode-kernel.h"

extern "C" __global__ void __launch_bounds__(128, kvfold::mostDecodeBlocks(kvfold::EntryCodec::bf16, 32))
    kvfold_decode_attention_exact_bf16_32(const kvfold::DecodeAttentionArgs args) {
  kvfold::decodeAttention<kvfold::EntryCodec::bf16, 32, true>(args);
}
KVFOLD_KERNEL(kvfold_decode_attention_exact_bf16_32, kvfold::DecodeAttentionArgs)

extern "C" __global__ void __launch_bounds__(128, kvfold::mostDecodeBlocks(kvfold::EntryCodec::bf16, 64))
    kvfold_decode_attention_exact_bf16_64(const kvfold::DecodeAttentionArgs args) {
  kvfold::decodeAttention<kvfold::EntryCodec::bf16, 64, true>(args);
}
KVFOLD_KERNEL(kvfold_decode_attention_exact_bf16_64, kvfold::DecodeAttentionArgs)

extern "C" __global__ void __launch_bounds__(128, kvfold::mostDecodeBlocks(kvfold::EntryCodec::bf16, 96))
    kvfold_decode_attention_exact_bf16_96(const kvfold::DecodeAttentionArgs args) {
  kvfold::decodeAttention<kvfold::EntryCodec::bf16, 96, true>(args);
}
KVFOLD_KERNEL(kvfold_decode_attention_exact_bf16_96, kvfold::DecodeAttentionArgs)

extern "C" __global__ void __launch_bounds__(128, kvfold::mostDecodeBlocks(kvfold::EntryCodec::bf16, 128))
    kvfold_decode_attention_exact_bf16_128(const kvfold::DecodeAttentionArgs args) {
  kvfold::decodeAttention<kvfold::EntryCodec::bf16, 128, true>(args);
}
KVFOLD_KERNEL(kvfold_decode_attention_exact_bf16_128, kvfold::DecodeAttentionArgs)

extern "C" __global__ void __launch_bounds__(128, kvfold::mostDecodeBlocks(kvfold::EntryCodec::bf16, 256))
    kvfold_decode_attention_exact_bf16_256(const kvfold::DecodeAttentionArgs args) {
  kvfold::decodeAttention<kvfold::EntryCodec::bf16, 256, true>(args);
}
KVFOLD_KERNEL(kvfold_decode_attention_exact_bf16_256, kvfold::DecodeAttentionArgs)

extern "C" __global__ void __launch_bounds__(128, kvfold::mostDecodeBlocks(kvfold::EntryCodec::int8, 32))
    kvfold_decode_attention_exact_int8_32(const kvfold::DecodeAttentionArgs args) {
  kvfold::decodeAttention<kvfold::EntryCodec::int8, 32, true>(args);
}
KVFOLD_KERNEL(kvfold_decode_attention_exact_int8_32, kvfold::DecodeAttentionArgs)

extern "C" __global__ void __launch_bounds__(128, kvfold::mostDecodeBlocks(kvfold::EntryCodec::int8, 64))
    kvfold_decode_attention_exact_int8_64(const kvfold::DecodeAttentionArgs args) {
  kvfold::decodeAttention<kvfold::EntryCodec::int8, 64, true>(args);
}
KVFOLD_KERNEL(kvfold_decode_attention_exact_int8_64, kvfold::DecodeAttentionArgs)

// three blocks of a multiprocessor would leave it too few registers
extern "C" __global__ void __launch_bounds__(128, 2)
    kvfold_decode_attention_exact_int8_96(const kvfold::DecodeAttentionArgs args) {
  kvfold::decodeAttention<kvfold::EntryCodec::int8, 96, true>(args);
}
KVFOLD_KERNEL(kvfold_decode_attention_exact_int8_96, kvfold::DecodeAttentionArgs)

extern "C" __global__ void __launch_bounds__(128, kvfold::mostDecodeBlocks(kvfold::EntryCodec::int8, 128))
    kvfold_decode_attention_exact_int8_128(const kvfold::DecodeAttentionArgs args) {
  kvfold::decodeAttention<kvfold::EntryCodec::int8, 128, true>(args);
}
KVFOLD_KERNEL(kvfold_decode_attention_exact_int8_128, kvfold::DecodeAttentionArgs)

extern "C" __global__ void __launch_bounds__(128, kvfold::mostDecodeBlocks(kvfold::EntryCodec::int8, 256))
    kvfold_decode_attention_exact_int8_256(const kvfold::DecodeAttentionArgs args) {
  kvfold::decodeAttention<kvfold::EntryCodec::int8, 256, true>(args);
}
KVFOLD_KERNEL(kvfold_decode_attention_exact_int8_256, kvfold::DecodeAttentionArgs)
