// Prefill attention over entries as they are stored, beside a softmax in double precision: blocks that end anywhere, queries that
// see only some of a block, windows, mass.
#include <cmath>

#include "../store/attend.h"
#include "../store/write.h"
#include "check.h"
#include "decode-lane.h"

namespace kvfold::test {
namespace {

constexpr int64_t kvHeads = 2;

struct Prompt {
  EntryCodec codec;
  int64_t group, headDim;
  /** Tokens that are there already, and those of the prompt. */
  int64_t before, tokens;
  int64_t window;
};

/** Adds the shares of one query, at position `now`, to `shares`; gives the largest error of its output. */
double errorOf(const Prompt& s, int64_t dims, const Exactly<float>& entries, int64_t now, const float* query, const float* out,
               const Exactly<double>& shares) {
  const int64_t first = now + 1 > s.window ? now + 1 - s.window : 0;
  const Exactly<double> weights(now + 1);
  double peak = -1e300, total = 0;
  for (int64_t e = first; e <= now; e++) {
    weights[e] = 0;
    for (int64_t d = 0; d < s.headDim; d++) weights[e] += double{query[d]} * entries[e * 2 * dims + d];
    peak = weights[e] > peak ? weights[e] : peak;
  }
  for (int64_t e = first; e <= now; e++) total += weights[e] = std::exp(weights[e] - peak);
  for (int64_t e = first; e <= now; e++) shares[e] += weights[e] / total;
  double worst = 0;
  for (int64_t d = 0; d < s.headDim; d++) {
    double sum = 0;
    for (int64_t e = first; e <= now; e++) sum += weights[e] / total * entries[(e * 2 + 1) * dims + d];
    const double error = std::fabs(out[d] - sum);
    worst = error > worst || std::isnan(error) ? error : worst;
  }
  return worst;
}

void write(Store& store, const Prompt& s, int64_t start, int64_t tokens, Numbers& numbers) {
  const Exactly<float> k(kvHeads * tokens * s.headDim), v(k.count());
  numbers.fill(k);
  numbers.fill(v);
  const int32_t step[] = {0, static_cast<int32_t>(tokens), static_cast<int32_t>(start)};
  check(writeAppend(store, {{step, step + 1, step + 2, 1, tokens}, k.data(), v.data(), nullptr, nullptr, 0, -1}, nullptr, nullptr),
        "memory");
}

void trial(const Prompt& s) {
  StoreShape shape;
  const int64_t heads = kvHeads * s.group;
  // the window asks for positions
  check(makeShape({heads, kvHeads, s.headDim, s.codec, 16, 1, 0, noColumn, false, noWindow, true}, shape), "memory");
  Store store(shape);
  const int32_t fresh[kvHeads] = {-1, -1};
  check(store.table.select(store.table, fresh, kvHeads), "memory");
  Numbers numbers(static_cast<uint64_t>(s.group * 1000 + s.headDim + s.tokens));
  if (s.before > 0) {
    write(store, s, 0, s.before, numbers);
    store.endStep();
  }
  write(store, s, s.before, s.tokens, numbers);
  const int64_t length = s.before + s.tokens;
  const Exactly<float> q(heads * s.tokens * s.headDim), out(q.count()), mass(kvHeads * length);
  numbers.fill(q);
  for (int64_t i = 0; i < mass.count(); i++) mass[i] = 0;
  const int32_t step[] = {0, static_cast<int32_t>(s.tokens), static_cast<int32_t>(s.before)};
  AttendCall call = {};
  call.step = {step, step + 1, step + 2, 1, s.tokens};
  call.q = q.data();
  call.scale = 1;
  call.window = s.window;
  call.recent = noLimit;
  call.reading.blank = -1;
  call.out = out.data();
  call.mass = mass.data();
  call.massSlots = length;
  call.massQueries = s.tokens;
  check(attend(store, call), "memory");
  double worst = 0, worstMass = 0;
  for (int64_t lane = 0; lane < kvHeads; lane++) {
    const Exactly<float> entries(length * 2 * shape.dims);
    decodeLane(store, lane, entries.data());
    const Exactly<double> shares(length);
    for (int64_t e = 0; e < length; e++) shares[e] = 0;
    for (int64_t h = 0; h < s.group; h++) {
      for (int64_t t = 0; t < s.tokens; t++) {
        const int64_t at = ((lane * s.group + h) * s.tokens + t) * s.headDim;
        const double error = errorOf(s, shape.dims, entries, s.before + t, q.data() + at, out.data() + at, shares);
        worst = error > worst || std::isnan(error) ? error : worst;
      }
    }
    for (int64_t e = 0; e < length; e++) {
      const double error = std::fabs(shares[e] / static_cast<double>(s.group) - mass[lane * length + e]);
      worstMass = error > worstMass || std::isnan(error) ? error : worstMass;
    }
  }
  check(worst < 6e-6 && worstMass < 3e-5, "codec %d, group %d, heads of %d, %d tokens after %d, window %lld: off by %g, mass by %g",
        static_cast<int>(s.codec), static_cast<int>(s.group), static_cast<int>(s.headDim), static_cast<int>(s.tokens),
        static_cast<int>(s.before), static_cast<long long>(s.window), worst, worstMass);
}

}  // namespace

void testPrefill() {
  constexpr int64_t headDims[] = {20, 32, 64, 96, 128};
  for (int codec = 0; codec < entryCodecCount; codec++) {
    for (const int64_t headDim : headDims) {
      for (int64_t group = 1; group <= 3; group += 2) {
        const EntryCodec kind = static_cast<EntryCodec>(codec);
        trial({kind, group, headDim, 0, 70, noLimit});
        trial({kind, group, headDim, 131, 35, noLimit});
        trial({kind, group, headDim, 29, 90, 40});
      }
    }
  }
}

}  // namespace kvfold::test
