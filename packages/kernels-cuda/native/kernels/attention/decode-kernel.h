// Decode attention: one query token a row, lanes of any length, no decision on the host.
#pragma once
#include "decode-float.h"
#include "decode-tensor.h"

namespace kvfold {

template <EntryCodec codec, int dims>
struct DecoderOf {
  using Type = TensorDecoder<codec, dims>;
};
template <int dims>
struct DecoderOf<EntryCodec::f32, dims> {
  using Type = FloatDecoder<dims>;
};

template <EntryCodec codec, int dims>
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
  const int count = share.begin(worker + 1) - share.begin(worker);
  for (int stage = 0; stage < decodeStages - 1; stage++) stream.produce(stage);
  typename DecoderOf<codec, dims>::Type decoder(args);
  int stage = 0, previousLane = -1;
  for (int i = 0; i < count; i++) {
    // the oldest group has landed for this thread, then for all; and all are done with the stage that is filled next
    waitForCopies<decodeStages - 2>();
    __syncwarp();
    const int filled = stage == 0 ? decodeStages - 1 : stage - 1;
    stream.produce(filled);
    const TileNote note = stream.note(stage);
    if (note.lane != previousLane) decoder.begin(note);
    previousLane = note.lane;
    decoder.tile(stream, stage, note);
    if (note.opens) decoder.openEntry(note);
    if (note.ends) decoder.finish(note, share, worker);
    stage = stage == decodeStages - 1 ? 0 : stage + 1;
  }
  waitForCopies<0>();
}

template <EntryCodec codec, int dims>
KVFOLD_DEVICE void mergeDecoded(const DecodeMergeArgs& args) {
  decodeMerge<headsPerPass(codec), dims>(args.attention, args.warps);
}

}  // namespace kvfold
