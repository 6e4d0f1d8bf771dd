// A key or a value that is NaN shows in every output that sees it, and in no other.
#include <cmath>

#include "../store/attend.h"
#include "../store/write.h"
#include "check.h"

namespace kvfold::test {
namespace {

constexpr int64_t kvHeads = 2, group = 3, tokens = 40, tainted = 21;
const float nan = __builtin_nanf("");

struct Lanes {
  Store store;
  int64_t headDim;

  Lanes(EntryCodec codec, int64_t headDim) : store(shapeOf(codec, headDim)), headDim(headDim) {
    const int32_t fresh[kvHeads] = {-1, -1};
    check(store.table.select(store.table, fresh, kvHeads), "memory");
  }

  static StoreShape shapeOf(EntryCodec codec, int64_t headDim) {
    StoreShape shape;
    check(makeShape({kvHeads * group, kvHeads, headDim, codec, 16, 1, 0, noColumn, false, noWindow, true}, shape), "memory");
    return shape;
  }

  void attendTo(const Step& step, const Exactly<float>& q, int64_t window, const Exactly<float>& out) {
    AttendCall call = {};
    call.step = step;
    call.q = q.data();
    call.scale = 0.5f;
    call.window = window;
    call.recent = noLimit;
    call.reading.blank = -1;
    call.out = out.data();
    check(attend(store, call), "memory");
  }
};

/** Whether all numbers of an output are NaN, or all are not. */
bool isAll(bool wanted, const float* out, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    if (std::isnan(out[i]) != wanted) return false;
  }
  return true;
}

/** Prefill of `tokens`, one of which has a NaN in head 0, then a step that sees all and one that sees the last few. */
void trial(EntryCodec codec, int64_t headDim, bool inKey) {
  Numbers numbers(static_cast<uint64_t>(headDim) + 5);
  Lanes lanes(codec, headDim);
  const Exactly<float> k(kvHeads * tokens * headDim), v(k.count()), q(kvHeads * group * tokens * headDim), out(q.count());
  numbers.fill(k);
  numbers.fill(v);
  numbers.fill(q);
  (inKey ? k : v)[tainted * headDim + headDim / 2] = nan;
  const int32_t many[] = {0, tokens, 0};
  const Step step = {many, many + 1, many + 2, 1, tokens};
  check(writeAppend(lanes.store, {step, k.data(), v.data(), nullptr, nullptr, 0, -1}, nullptr, nullptr), "memory");
  lanes.attendTo(step, q, noLimit, out);
  lanes.store.endStep();
  bool right = true;
  for (int64_t h = 0; h < kvHeads * group; h++) {
    for (int64_t t = 0; t < tokens; t++) {
      const bool sees = h < group && t >= tainted;
      const float* own = out.data() + (h * tokens + t) * headDim;
      // as in a product of matrices no weight makes nothing of a value that is NaN
      if (!inKey && h < group && !sees) continue;
      // a value taints its own channel, in int8 all that share its scale
      right = right && (sees && !inKey ? std::isnan(own[headDim / 2]) : isAll(sees, own, headDim));
    }
  }
  check(right, "codec %d, heads of %d: prefill shows NaN", static_cast<int>(codec), static_cast<int>(headDim));
  const int32_t one[] = {0, 1, tokens};
  const Step next = {one, one + 1, one + 2, 1, 1};
  const Exactly<float> k1(kvHeads * headDim), v1(k1.count()), q1(kvHeads * group * headDim), out1(q1.count());
  numbers.fill(k1);
  numbers.fill(v1);
  numbers.fill(q1);
  check(writeAppend(lanes.store, {next, k1.data(), v1.data(), nullptr, nullptr, 0, -1}, nullptr, nullptr), "memory");
  lanes.attendTo(next, q1, noLimit, out1);
  for (int64_t h = 0; h < kvHeads * group; h++) {
    const float* own = out1.data() + h * headDim;
    const bool shown = h < group && !inKey ? std::isnan(own[headDim / 2]) : isAll(h < group, own, headDim);
    check(shown, "codec %d, heads of %d: decoding shows NaN", static_cast<int>(codec), static_cast<int>(headDim));
  }
  if (!inKey) return;
  lanes.attendTo(next, q1, 8, out1);
  check(isAll(false, out1.data(), out1.count()), "codec %d, heads of %d: a hidden NaN does not count",
        static_cast<int>(codec), static_cast<int>(headDim));
}

}  // namespace

void testNan() {
  for (int codec = 0; codec < entryCodecCount; codec++) {
    const int64_t sizes[] = {6, 64, 128};
    for (const int64_t headDim : sizes) {
      trial(static_cast<EntryCodec>(codec), headDim, true);
      trial(static_cast<EntryCodec>(codec), headDim, false);
    }
  }
}

}  // namespace kvfold::test
