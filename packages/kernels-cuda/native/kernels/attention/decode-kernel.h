// Decode attention: one query token a row, lanes of any length, no decision on the host.
#pragma once
#include "decode-float.h"
#include "decode-tensor.h"

namespace kvfold {

template <EntryCodec codec, int dims, bool exact>
struct DecoderOf {
  using Type = FloatDecoder<codec, dims>;
};
template <EntryCodec codec, int dims>
struct DecoderOf<codec, dims, false> {
  using Type = TensorDecoder<codec, dims>;
};

/** With `exact` the arithmetic is float32 throughout, as it always is over float32 entries. */
template <EntryCodec codec, int dims, bool exact = codec == EntryCodec::f32>
KVFOLD_DEVICE void decodeAttention(const DecodeAttentionArgs& args) {
  KVFOLD_DYNAMIC_SHARED(shared);
  const int warps = static_cast<int>(blockDim.x) / 32, warp = static_cast<int>(threadIdx.x) / 32;
  // warps of a block are far apart in the row of tiles, so that a block's work is as even as a warp's
  const int worker = warp * static_cast<int>(gridDim.x) + static_cast<int>(blockIdx.x);
  const int lanes = args.rowCount * args.store.kvHeads * args.passes;
  const TileShare share(at<const int>(args.tileStarts)[lanes], static_cast<int>(gridDim.x) * warps);
  if (share.begin(worker) >= share.begin(worker + 1)) return;
  using Stream = DecodeStream<codec, dims>;
  Stream stream(args, shared + warp * decodeStages * Stream::Shape::stageBytes, share, worker);
  for (int ahead = 0; ahead < decodeStages - 1; ahead++) stream.produce(ahead);
  typename DecoderOf<codec, dims, exact>::Type decoder(args);
  int stage = 0, left = share.begin(worker + 1) - share.begin(worker);
  const auto nextTile = [&] {
    // the oldest group has landed for this thread, then for all; and all are done with the stage that is filled next
    waitForCopies<decodeStages - 2>();
    __syncwarp();
    stream.produce(stage == 0 ? decodeStages - 1 : stage - 1);
    return stream.note(stage);
  };
  // lane by lane, so that the sums of one are given up before its results are joined
  while (left > 0) {
    TileNote note = nextTile();
    decoder.begin(note);
    for (;;) {
      decoder.tile(stream, stage, note);
      stage = stage == decodeStages - 1 ? 0 : stage + 1;
      left--;
      if (note.ends) break;
      note = nextTile();
    }
    if (note.opens) decoder.openEntry(note);
    decoder.finish(note, share, worker);
  }
  waitForCopies<0>();
}

template <EntryCodec codec, int dims>
KVFOLD_DEVICE void mergeDecoded(const DecodeMergeArgs& args) {
  decodeMerge<headsPerPass(codec), dims>(args.attention, args.warps);
}

}  // namespace kvfold
