// Decode attention over lanes long enough to be worked on in several blocks, some of whose pages are part empty.
#include <cmath>

#include "../store/attend.h"
#include "../store/write.h"
#include "../system/thread-pool.h"
#include "check.h"
#include "decode-lane.h"

namespace kvfold::test {
namespace {

constexpr int64_t kvHeads = 2;

struct Shape {
  EntryCodec codec;
  int64_t group, headDim, entries, pageSlots;
  /** Whether one entry outweighs each of the others so far that these matter only together. */
  bool outweighed = false;
};

/** Largest errors of attention over entries as they are stored, from softmax in double precision. */
double errorOf(const Store& store, const Shape& s, const Exactly<float>& q, float scale, const Exactly<float>& out) {
  const StoreShape& shape = store.shape();
  double worst = 0;
  for (int64_t lane = 0; lane < kvHeads; lane++) {
    const Lane& held = store.table[lane];
    const Exactly<float> entries(held.length * 2 * shape.dims);
    decodeLane(store, lane, entries.data());
    for (int64_t h = 0; h < s.group; h++) {
      const float* query = q.data() + (lane * s.group + h) * s.headDim;
      const Exactly<double> weights(held.length);
      double peak = -1e300, total = 0;
      for (int64_t e = 0; e < held.length; e++) {
        weights[e] = 0;
        for (int64_t d = 0; d < s.headDim; d++) weights[e] += double{query[d]} * scale * entries[e * 2 * shape.dims + d];
        peak = std::fmax(peak, weights[e]);
      }
      for (int64_t e = 0; e < held.length; e++) total += weights[e] = std::exp(weights[e] - peak);
      for (int64_t d = 0; d < s.headDim; d++) {
        double sum = 0;
        for (int64_t e = 0; e < held.length; e++) sum += weights[e] / total * entries[(e * 2 + 1) * shape.dims + d];
        const double error = std::fabs(out[(lane * s.group + h) * s.headDim + d] - sum);
        worst = error > worst || std::isnan(error) ? error : worst;
      }
    }
  }
  return worst;
}

void trial(const Shape& s) {
  StoreShape shape;
  const int64_t heads = kvHeads * s.group;
  check(makeShape({heads, kvHeads, s.headDim, s.codec, s.pageSlots, 0, noColumn, noColumn, false, noWindow, true}, shape), "memory");
  Store store(shape);
  const int32_t fresh[kvHeads] = {-1, -1};
  check(store.table.select(store.table, fresh, kvHeads), "memory");
  Numbers numbers(static_cast<uint64_t>(s.group * 1000 + s.headDim));
  const Exactly<float> k(kvHeads * s.entries * s.headDim), v(k.count());
  const Exactly<float> q(kvHeads * s.group * s.headDim), out(q.count()), again(q.count());
  numbers.fill(k);
  numbers.fill(v);
  numbers.fill(q);
  const float scale = s.outweighed ? 0.25f : 1;
  // of one sign, so that what many small weights lose adds up
  for (int64_t i = 0; s.outweighed && i < v.count(); i++) v[i] = std::fabs(v[i]);
  for (int64_t lane = 0; s.outweighed && lane < kvHeads; lane++) {
    const float* query = q.data() + lane * s.group * s.headDim;
    float square = 0;
    for (int64_t d = 0; d < s.headDim; d++) square += query[d] * query[d];
    for (int64_t d = 0; d < s.headDim; d++) k[(lane * s.entries + 5) * s.headDim + d] = 52 / square * query[d];
  }
  const int32_t many[] = {0, static_cast<int32_t>(s.entries), 0};
  check(writeAppend(store, {{many, many + 1, many + 2, 1, s.entries}, k.data(), v.data(), nullptr, nullptr, 0, -1}, nullptr, nullptr),
        "memory");
  store.endStep();
  const int32_t dropped[] = {3, 17, 18, 35, 40, 41, 42, 90, 200, 201, 202, 203, 204, 205, 206};
  check(dropEntries(shape, store.table[1], dropped, sizeof dropped / sizeof *dropped), "memory");
  const int32_t one[] = {0, 1, static_cast<int32_t>(s.entries)};
  AttendCall call = {};
  call.step = {one, one + 1, one + 2, 1, 1};
  call.q = q.data();
  call.scale = scale;
  call.window = call.recent = noLimit;
  call.reading.blank = -1;
  call.out = out.data();
  const int threads = threadCount();
  setThreads(1);
  check(attend(store, call), "memory");
  setThreads(3);
  call.out = again.data();
  check(attend(store, call), "memory");
  setThreads(threads);
  check(memcmp(out.data(), again.data(), static_cast<size_t>(out.count()) * 4) == 0, "the same with one and three threads");
  // int8 may be multiplied in whole numbers, with queries of 16 bits
  const double error = errorOf(store, s, q, call.scale, out), limit = s.codec == EntryCodec::int8 ? 2e-4 : 2e-6;
  check(error < limit, "codec %d, group %d, heads of %d, %d entries: off by %g", static_cast<int>(s.codec),
        static_cast<int>(s.group), static_cast<int>(s.headDim), static_cast<int>(s.entries), error);
}

}  // namespace

void testLongLanes() {
  for (int codec = 0; codec < entryCodecCount; codec++) {
    for (int64_t group = 1; group <= 5; group++) {
      for (int64_t headDim = 32; headDim <= 128; headDim += 32) {
        trial({static_cast<EntryCodec>(codec), group, headDim, 300, 16});
        if (group % 2 == 1) trial({static_cast<EntryCodec>(codec), group, headDim, 1301, group == 3 ? 16 : 64});
      }
    }
    // as many blocks as are shared out in groups
    trial({static_cast<EntryCodec>(codec), 3, 64, 6500, 16, true});
  }
}

}  // namespace kvfold::test
