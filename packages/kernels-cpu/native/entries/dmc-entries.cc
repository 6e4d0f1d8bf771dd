// Entry point of DMC's decisions.
#include <cmath>

#include "../entry-point.h"
#include "../napi-args.h"
#include "../system/recorder.h"

namespace kvfold {
namespace {

constexpr int64_t mostNumbers = int64_t{1} << 40;

/**
 * dmcDecide(q, k, rows, group, kvHeads, tokens, headDim, channel, offset, edge, epsilon, least, merge, omega)
 * q is [rows, kvHeads * group, tokens, headDim], k [rows, kvHeads, tokens, headDim], merge and omega [rows, kvHeads, tokens].
 */
napi_value DmcDecide(napi_env env, napi_callback_info info) {
  Args args(env, info);
  const Span<float> q = args.floats(0), k = args.floats(1);
  const int64_t rows = args.size(2), group = args.size(3), kvHeads = args.size(4), tokens = args.size(5);
  const int64_t headDim = args.size(6), channel = args.size(7);
  const float offset = static_cast<float>(args.number(8)), edge = static_cast<float>(args.number(9));
  const float epsilon = static_cast<float>(args.number(10)), least = static_cast<float>(args.number(11));
  const Span<float> merge = args.floats(12), omega = args.floats(13);
  // each size is bounded by the array that has it, so that the products stay in range
  const bool sane = rows <= mostNumbers / (kvHeads + 1) && tokens <= mostNumbers && headDim <= mostNumbers && group <= 65536;
  args.require(sane && channel < headDim, "there is no such channel");
  if (!args.ok()) return nullptr;
  const int64_t lanes = rows * kvHeads;
  args.require(lanes == 0 || tokens == 0 ||
                   (lanes <= merge.length && tokens <= merge.length / lanes && tokens <= omega.length / lanes &&
                    headDim <= k.length / lanes / tokens && group >= 1 && group <= q.length / lanes / tokens / headDim),
               "the tensors do not fit their arrays");
  if (!args.ok()) return nullptr;
  perform([=] {
    for (int64_t lane = 0; lane < lanes; lane++) {
      for (int64_t t = 0; t < tokens; t++) {
        const int64_t token = lane * tokens + t;
        merge.data[token] = k.data[token * headDim + channel] - offset > edge ? 1.0f : 0.0f;
        float sum = 0;
        for (int64_t g = 0; g < group; g++) sum += q.data[((lane * group + g) * tokens + t) * headDim + channel];
        const float weight = 1 / (1 + expf(-(sum / static_cast<float>(group) + offset))) + epsilon;
        omega.data[token] = weight > least ? weight : least;
      }
    }
    return true;
  });
  return nullptr;
}

const EntryPoint entries[] = {{"dmcDecide", DmcDecide}};

}  // namespace

extern const EntryTable dmcEntries;
const EntryTable dmcEntries = entryTable(entries);

}  // namespace kvfold
