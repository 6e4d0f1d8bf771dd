// Sums of 16 queries by a head stay in registers; few blocks run at once anyway, for the room of their stages.
#include "prefill-kernel.h"

extern "C" __global__ void __launch_bounds__(2 * kvfold::prefillRows(32), 1) kvfold_prefill_attention_bf16_32(const kvfold::PrefillAttentionArgs args) {
  kvfold::prefillAttention<kvfold::EntryCodec::bf16, 32>(args);
}
KVFOLD_KERNEL(kvfold_prefill_attention_bf16_32, kvfold::PrefillAttentionArgs)

extern "C" __global__ void __launch_bounds__(2 * kvfold::prefillRows(64), 1) kvfold_prefill_attention_bf16_64(const kvfold::PrefillAttentionArgs args) {
  kvfold::prefillAttention<kvfold::EntryCodec::bf16, 64>(args);
}
KVFOLD_KERNEL(kvfold_prefill_attention_bf16_64, kvfold::PrefillAttentionArgs)

extern "C" __global__ void __launch_bounds__(2 * kvfold::prefillRows(96), 1) kvfold_prefill_attention_bf16_96(const kvfold::PrefillAttentionArgs args) {
  kvfold::prefillAttention<kvfold::EntryCodec::bf16, 96>(args);
}
KVFOLD_KERNEL(kvfold_prefill_attention_bf16_96, kvfold::PrefillAttentionArgs)

extern "C" __global__ void __launch_bounds__(2 * kvfold::prefillRows(128), 1) kvfold_prefill_attention_bf16_128(const kvfold::PrefillAttentionArgs args) {
  kvfold::prefillAttention<kvfold::EntryCodec::bf16, 128>(args);
}
KVFOLD_KERNEL(kvfold_prefill_attention_bf16_128, kvfold::PrefillAttentionArgs)

extern "C" __global__ void __launch_bounds__(2 * kvfold::prefillRows(256), 1) kvfold_prefill_attention_bf16_256(const kvfold::PrefillAttentionArgs args) {
  kvfold::prefillAttention<kvfold::EntryCodec::bf16, 256>(args);
}
KVFOLD_KERNEL(kvfold_prefill_attention_bf16_256, kvfold::PrefillAttentionArgs)
