// Attention of one query token a row over ragged lanes in pages.
#pragma once
#include "lane-store.h"

namespace kvfold {

/** A window or band without an end. */
constexpr int32_t noEnd = 0x7fffffff;

/**
 * `kvfold_attention_plan`: divides the entries of a step's lanes into tiles. To run after every change of the lengths, in
 * front of `kvfold_decode_attention_*`. Grid 1, block `attentionPlanThreads`.
 */
struct AttentionPlanArgs {
  uint64_t lengths;     // int32 [storeLanes]
  uint64_t rows;        // int32 [rows], row of the store of each row of the step; 0: the same
  uint64_t tileStarts;  // int32 [lanes + 1], written: first tile of each lane; then the number of tiles
  int32_t rowCount;
  int32_t kvHeads;
  int32_t passes;  // `headPasses` of the attention that follows
};

constexpr unsigned attentionPlanThreads = 1024;

/**
 * `kvfold_decode_attention_<codec>_<dims>`, for codec f32, bf16, int8 and dims of `headSizes`. Grid, block and shared
 * memory: `planDecodeAttention`; lanes and lengths only matter on the device, so a launch may be replayed.
 * A lane (row, KV head) is read once for up to 8 query heads (f32: 4), more heads take several passes; with passes the lanes
 * of the work are (row, KV head, pass). A query that sees nothing gets zeros.
 */
struct DecodeAttentionArgs {
  uint64_t q;               // float32 [rows, queryHeads, headDim], rotated
  uint64_t out;             // float32 [rows, queryHeads, headDim], written
  uint64_t lse;             // float32 [rows, queryHeads], written: ln of the sum of exp(scores), -inf: saw nothing; 0: no
  uint64_t scores;          // float32 [rows, queryHeads, scoreSlots], written: scores times log2(e), -inf: hidden; 0: no
  uint64_t rows;            // int32 [rows], rows of the store; 0: the same
  uint64_t queryPositions;  // int32 [rows]; 0 where nothing ever ends to be visible
  uint64_t tileStarts;      // int32 [lanes * passes + 1] of `kvfold_attention_plan`
  uint64_t partials;        // float32, `decodePartialFloats` of them
  uint64_t arrivals;        // int32 [lanes * passes], zeros; left as zeros
  LaneStore store;
  float scale;              // of scores
  int32_t rowCount;
  int32_t group;            // query heads of a KV head
  int32_t passes;           // headPasses(codec, group)
  int32_t scoreSlots;
  int32_t window;           // entries at this distance or further are hidden; or noEnd
  int32_t sinks;            // entries from this position on are hidden from queries `recent` or more behind them;
  int32_t recent;           // or noEnd
};

/**
 * `kvfold_decode_merge_<codec>_<dims>`, behind every decode attention: joins what many warps found in one lane. Most lanes
 * have been joined before, where lanes are many; then it ends at once.
 */
struct DecodeMergeArgs {
  DecodeAttentionArgs attention;
  int32_t warps;  // of the attention's plan
};

constexpr unsigned decodeMergeThreads = 256;

/**
 * `kvfold_attention_mass`: from scores and their lse, the share of attention that each entry got, averaged over the query
 * heads of the group. Grid `[ceil(scoreSlots / 256), rows * kvHeads]`, block 256.
 */
struct AttentionMassArgs {
  uint64_t scores;   // float32 [rows, queryHeads, scoreSlots] as decode attention wrote them
  uint64_t lse;      // float32 [rows, queryHeads]
  uint64_t lengths;  // int32 [storeLanes]
  uint64_t rows;     // int32 [rows]; 0: the same
  uint64_t mass;     // float32 [rows, kvHeads, scoreSlots], written; 0 behind a lane's end
  int32_t kvHeads;
  int32_t group;
  int32_t scoreSlots;
};

/** Query heads that share one reading of the keys. */
KVFOLD_ANYWHERE constexpr int32_t headsPerPass(EntryCodec codec) { return codec == EntryCodec::f32 ? 4 : 8; }
KVFOLD_ANYWHERE constexpr int32_t headPasses(EntryCodec codec, int32_t group) {
  return (group + headsPerPass(codec) - 1) / headsPerPass(codec);
}

/** Stages of a warp's pipeline: one is worked on while the others arrive. */
constexpr int32_t decodeStages = 3;
constexpr int32_t mostDecodeWarps = 4;
/** Shared memory that the system takes of each block, and what a multiprocessor has at most. */
constexpr int32_t reservedSharedBytes = 1024;
constexpr int32_t mostSharedBytes = 233472;
/** Scales, positions and ends of a tile's entries, and what tile it is. */
constexpr int32_t stageNotesBytes = 8 * tileEntries + 4 * tileEntries + 4 * tileEntries + 32;

KVFOLD_ANYWHERE constexpr int32_t decodeWarpBytes(EntryCodec codec, int32_t dims) {
  return decodeStages * (tileEntries * entryBytesOf(codec, dims) + stageNotesBytes);
}
/** Blocks of a multiprocessor that its registers are shared out for: as many as its memory has room for, 3 at most. */
KVFOLD_ANYWHERE constexpr int32_t mostDecodeBlocks(EntryCodec codec, int32_t dims) {
  const int32_t fitting = mostSharedBytes / (mostDecodeWarps * decodeWarpBytes(codec, dims) + reservedSharedBytes);
  return fitting < 1 ? 1 : fitting > 3 ? 3 : fitting;
}

/** What the launch of decode attention needs to know of a device. */
struct DecodeDevice {
  int32_t multiprocessors;
  int32_t sharedPerBlock;           // most dynamic shared memory of a block, opted in
  int32_t sharedPerMultiprocessor;  // shared memory of a multiprocessor
};

struct DecodeAttentionPlan {
  uint32_t grid;
  uint32_t block;
  uint32_t sharedBytes;
  uint32_t warps;      // of the whole grid
  uint32_t mergeGrid;  // of `kvfold_decode_merge_*`, with `decodeMergeThreads` a block
};

/**
 * As many blocks as fit on the device at once. An H200 holds 8 warps a multiprocessor with bf16 heads of 128 (2 blocks of 4
 * warps, each 3 stages of 8 KiB): 128 KiB on their way while 64 KiB are worked on, where 4.8 TB/s at 0.8 us of latency over
 * 132 multiprocessors ask for 29 KiB.
 */
inline DecodeAttentionPlan planDecodeAttention(EntryCodec codec, int32_t dims, const DecodeDevice& device) {
  const int32_t warpBytes = decodeWarpBytes(codec, dims), most = mostDecodeBlocks(codec, dims);
  const int32_t fitting = device.sharedPerBlock / warpBytes;
  const int32_t warps = fitting > mostDecodeWarps ? mostDecodeWarps : fitting;
  if (warps < 1) return {};
  const int32_t byMemory = device.sharedPerMultiprocessor / (warps * warpBytes + reservedSharedBytes);
  const int32_t blocks = byMemory < 1 ? 1 : byMemory > most ? most : byMemory;
  DecodeAttentionPlan plan = {};
  plan.grid = static_cast<uint32_t>(blocks * device.multiprocessors);
  plan.block = static_cast<uint32_t>(32 * warps);
  plan.sharedBytes = static_cast<uint32_t>(warps * warpBytes);
  plan.warps = plan.grid * static_cast<uint32_t>(warps);
  plan.mergeGrid = 2 * static_cast<uint32_t>(device.multiprocessors);
  return plan;
}

/** Floats that `partials` needs: a slot for each pair of a warp and a lane that meet, and there are fewer than this. */
inline uint64_t decodePartialFloats(const DecodeAttentionPlan& plan, EntryCodec codec, int32_t dims, uint64_t lanes,
                                    int32_t passes) {
  return (plan.warps + lanes * static_cast<uint64_t>(passes)) * static_cast<uint64_t>(headsPerPass(codec)) *
         static_cast<uint64_t>(dims + 2);
}

}  // namespace kvfold
