// Sums of queries by a head stay in registers; shared memory bounds the blocks of a multiprocessor to a few.
#include "prefill-exact.h"

extern "C" __global__ void __launch_bounds__(2 * kvfold::prefillRows(32), 1) kvfold_prefill_attention_exact_32(const kvfold::PrefillAttentionArgs args) {
  kvfold::prefillExact<32>(args);
}
KVFOLD_KERNEL(kvfold_prefill_attention_exact_32, kvfold::PrefillAttentionArgs)

extern "C" __global__ void __launch_bounds__(2 * kvfold::prefillRows(64), 1) kvfold_prefill_attention_exact_64(const kvfold::PrefillAttentionArgs args) {
  kvfold::prefillExact<64>(args);
}
KVFOLD_KERNEL(kvfold_prefill_attention_exact_64, kvfold::PrefillAttentionArgs)

extern "C" __global__ void __launch_bounds__(2 * kvfold::prefillRows(96), 1) kvfold_prefill_attention_exact_96(const kvfold::PrefillAttentionArgs args) {
  kvfold::prefillExact<96>(args);
}
KVFOLD_KERNEL(kvfold_prefill_attention_exact_96, kvfold::PrefillAttentionArgs)

extern "C" __global__ void __launch_bounds__(2 * kvfold::prefillRows(128), 1) kvfold_prefill_attention_exact_128(const kvfold::PrefillAttentionArgs args) {
  kvfold::prefillExact<128>(args);
}
KVFOLD_KERNEL(kvfold_prefill_attention_exact_128, kvfold::PrefillAttentionArgs)

extern "C" __global__ void __launch_bounds__(2 * kvfold::prefillRows(256), 1) kvfold_prefill_attention_exact_256(const kvfold::PrefillAttentionArgs args) {
  kvfold::prefillExact<256>(args);
}
KVFOLD_KERNEL(kvfold_prefill_attention_exact_256, kvfold::PrefillAttentionArgs)
