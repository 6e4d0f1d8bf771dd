#include "cache-chunk.h"

extern "C" __global__ void __launch_bounds__(kvfold::chunkPlanThreads, 1) kvfold_append_chunk_plan(const kvfold::CacheChunkArgs args) {
  kvfold::planChunk<false>(args);
}
KVFOLD_KERNEL(kvfold_append_chunk_plan, kvfold::CacheChunkArgs)

extern "C" __global__ void __launch_bounds__(kvfold::chunkPlanThreads, 1) kvfold_dmc_chunk_plan(const kvfold::CacheChunkArgs args) {
  kvfold::planChunk<true>(args);
}
KVFOLD_KERNEL(kvfold_dmc_chunk_plan, kvfold::CacheChunkArgs)

extern "C" __global__ void __launch_bounds__(64, 1) kvfold_dmc_chunk_sums(const kvfold::CacheChunkArgs args) { kvfold::sumChunk(args); }
KVFOLD_KERNEL(kvfold_dmc_chunk_sums, kvfold::CacheChunkArgs)

extern "C" __global__ void __launch_bounds__(32 * kvfold::chunkWriteTokens, 1)
    kvfold_append_chunk_write(const kvfold::CacheChunkArgs args) {
  kvfold::writeChunk<false>(args);
}
KVFOLD_KERNEL(kvfold_append_chunk_write, kvfold::CacheChunkArgs)

extern "C" __global__ void __launch_bounds__(32 * kvfold::chunkWriteTokens, 1) kvfold_dmc_chunk_write(const kvfold::CacheChunkArgs args) {
  kvfold::writeChunk<true>(args);
}
KVFOLD_KERNEL(kvfold_dmc_chunk_write, kvfold::CacheChunkArgs)

extern "C" __global__ void __launch_bounds__(32, 1) kvfold_dmc_chunk_keep(const kvfold::CacheChunkArgs args) { kvfold::keepChunk(args); }
KVFOLD_KERNEL(kvfold_dmc_chunk_keep, kvfold::CacheChunkArgs)
