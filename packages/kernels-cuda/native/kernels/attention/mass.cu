#include "../args/decode-attention.h"
#include "../device/platform.h"
#include "../math/fast-exp.h"

extern "C" __global__ void __launch_bounds__(256) kvfold_attention_mass(const kvfold::AttentionMassArgs args) {
  using namespace kvfold;
  const int slot = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x), lane = static_cast<int>(blockIdx.y);
  if (slot >= args.scoreSlots) return;
  const int row = lane / args.kvHeads;
  const int storeRow = args.rows == 0 ? row : at<const int>(args.rows)[row];
  const int length = at<const int>(args.lengths)[storeRow * args.kvHeads + lane % args.kvHeads];
  float mass = 0;
  for (int head = 0; head < args.group && slot < length; head++) {
    const int64_t query = static_cast<int64_t>(lane) * args.group + head;
    const float score = at<const float>(args.scores)[query * args.scoreSlots + slot];
    const float lse = at<const float>(args.lse)[query] * log2OfE;
    if (score > hiddenScore) mass += exp2Fast(score - lse);
  }
  at<float>(args.mass)[static_cast<int64_t>(lane) * args.scoreSlots + slot] = mass / static_cast<float>(args.group);
}
KVFOLD_KERNEL(kvfold_attention_mass, kvfold::AttentionMassArgs)
