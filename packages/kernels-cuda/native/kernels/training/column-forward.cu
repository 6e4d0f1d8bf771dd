// Sums of 16 tokens by a head stay in registers; shared memory bounds the blocks of a multiprocessor to a few.
#include "column-forward.h"

extern "C" __global__ void __launch_bounds__(kvfold::columnThreads, 1) kvfold_column_attention_32(const kvfold::ColumnAttentionArgs args) {
  kvfold::columnForward<32>(args);
}
KVFOLD_KERNEL(kvfold_column_attention_32, kvfold::ColumnAttentionArgs)

extern "C" __global__ void __launch_bounds__(kvfold::columnThreads, 1) kvfold_column_attention_64(const kvfold::ColumnAttentionArgs args) {
  kvfold::columnForward<64>(args);
}
KVFOLD_KERNEL(kvfold_column_attention_64, kvfold::ColumnAttentionArgs)

extern "C" __global__ void __launch_bounds__(kvfold::columnThreads, 1) kvfold_column_attention_96(const kvfold::ColumnAttentionArgs args) {
  kvfold::columnForward<96>(args);
}
KVFOLD_KERNEL(kvfold_column_attention_96, kvfold::ColumnAttentionArgs)

extern "C" __global__ void __launch_bounds__(kvfold::columnThreads, 1) kvfold_column_attention_128(const kvfold::ColumnAttentionArgs args) {
  kvfold::columnForward<128>(args);
}
KVFOLD_KERNEL(kvfold_column_attention_128, kvfold::ColumnAttentionArgs)
