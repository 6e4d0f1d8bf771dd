// Sums of 16 tokens by a head stay in registers; shared memory bounds the blocks of a multiprocessor to a few.
#include "column-backward.h"

extern "C" __global__ void __launch_bounds__(kvfold::columnThreads, 1) kvfold_column_attention_dkv_32(const kvfold::ColumnAttentionGradientArgs args) {
  kvfold::columnKeyGradient<32>(args);
}
KVFOLD_KERNEL(kvfold_column_attention_dkv_32, kvfold::ColumnAttentionGradientArgs)

extern "C" __global__ void __launch_bounds__(kvfold::columnThreads, 1) kvfold_column_attention_dkv_64(const kvfold::ColumnAttentionGradientArgs args) {
  kvfold::columnKeyGradient<64>(args);
}
KVFOLD_KERNEL(kvfold_column_attention_dkv_64, kvfold::ColumnAttentionGradientArgs)

extern "C" __global__ void __launch_bounds__(kvfold::columnThreads, 1) kvfold_column_attention_dkv_96(const kvfold::ColumnAttentionGradientArgs args) {
  kvfold::columnKeyGradient<96>(args);
}
KVFOLD_KERNEL(kvfold_column_attention_dkv_96, kvfold::ColumnAttentionGradientArgs)

extern "C" __global__ void __launch_bounds__(kvfold::columnThreads, 1) kvfold_column_attention_dkv_128(const kvfold::ColumnAttentionGradientArgs args) {
  kvfold::columnKeyGradient<128>(args);
}
KVFOLD_KERNEL(kvfold_column_attention_dkv_128, kvfold::ColumnAttentionGradientArgs)
