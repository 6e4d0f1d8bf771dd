// Sums of owned tokens by a head stay in registers; shared memory bounds the blocks of a multiprocessor to a few.
#include "column-exact.h"

extern "C" __global__ void __launch_bounds__(kvfold::columnThreads, 1) kvfold_column_attention_dq_exact_32(const kvfold::ColumnAttentionGradientArgs args) {
  kvfold::columnQueryGradientExact<32>(args);
}
KVFOLD_KERNEL(kvfold_column_attention_dq_exact_32, kvfold::ColumnAttentionGradientArgs)

extern "C" __global__ void __launch_bounds__(kvfold::columnThreads, 1) kvfold_column_attention_dq_exact_64(const kvfold::ColumnAttentionGradientArgs args) {
  kvfold::columnQueryGradientExact<64>(args);
}
KVFOLD_KERNEL(kvfold_column_attention_dq_exact_64, kvfold::ColumnAttentionGradientArgs)

extern "C" __global__ void __launch_bounds__(kvfold::columnThreads, 1) kvfold_column_attention_dq_exact_96(const kvfold::ColumnAttentionGradientArgs args) {
  kvfold::columnQueryGradientExact<96>(args);
}
KVFOLD_KERNEL(kvfold_column_attention_dq_exact_96, kvfold::ColumnAttentionGradientArgs)

extern "C" __global__ void __launch_bounds__(kvfold::columnThreads, 1) kvfold_column_attention_dq_exact_128(const kvfold::ColumnAttentionGradientArgs args) {
  kvfold::columnQueryGradientExact<128>(args);
}
KVFOLD_KERNEL(kvfold_column_attention_dq_exact_128, kvfold::ColumnAttentionGradientArgs)
