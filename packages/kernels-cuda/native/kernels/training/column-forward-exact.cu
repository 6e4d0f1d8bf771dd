// Sums of owned tokens by a head stay in registers; shared memory bounds the blocks of a multiprocessor to a few.
#include "column-exact.h"

extern "C" __global__ void __launch_bounds__(kvfold::columnThreads, 1) kvfold_column_attention_exact_32(const kvfold::ColumnAttentionArgs args) {
  kvfold::columnForwardExact<32>(args);
}
KVFOLD_KERNEL(kvfold_column_attention_exact_32, kvfold::ColumnAttentionArgs)

extern "C" __global__ void __launch_bounds__(kvfold::columnThreads, 1) kvfold_column_attention_exact_64(const kvfold::ColumnAttentionArgs args) {
  kvfold::columnForwardExact<64>(args);
}
KVFOLD_KERNEL(kvfold_column_attention_exact_64, kvfold::ColumnAttentionArgs)

extern "C" __global__ void __launch_bounds__(kvfold::columnThreads, 1) kvfold_column_attention_exact_96(const kvfold::ColumnAttentionArgs args) {
  kvfold::columnForwardExact<96>(args);
}
KVFOLD_KERNEL(kvfold_column_attention_exact_96, kvfold::ColumnAttentionArgs)

extern "C" __global__ void __launch_bounds__(kvfold::columnThreads, 1) kvfold_column_attention_exact_128(const kvfold::ColumnAttentionArgs args) {
  kvfold::columnForwardExact<128>(args);
}
KVFOLD_KERNEL(kvfold_column_attention_exact_128, kvfold::ColumnAttentionArgs)
