// The paged store against plain lists: random steps, drops and copies, attention by definition.
#include <cmath>
#include <cstdio>

#include "../store/attend.h"
#include "../store/drop.h"
#include "../store/transfer.h"
#include "../store/write.h"
#include "check.h"

namespace kvfold::test {
namespace {

/** NaN counts as large. Not fmax, on whose sums GCC 12 for ARM ends with an internal error. */
void keepLargest(double& most, double value) {
  if (!(value <= most)) most = value;
}

constexpr int64_t mostEntries = 160;
constexpr int64_t mostDim = 128;

/** An entry as the definition has it. */
struct PlainEntry {
  double key[mostDim];
  double value[mostDim];
  int64_t position;
};

/** A lane as a plain list. */
struct PlainLane {
  PlainEntry entries[mostEntries];
  int64_t length = 0;
  // the open segment
  double sum[2 * mostDim];
  double weight = 0;

  void drop(int64_t slot) {
    for (int64_t i = slot; i + 1 < length; i++) entries[i] = entries[i + 1];
    length--;
  }
};

struct Case {
  EntryCodec codec;
  int64_t headDim;
  int64_t kvHeads;
  int64_t group;
  int64_t rows;
  int64_t pageSlots;
  bool merges;
};

class Trial {
 public:
  Trial(const Case& c, uint64_t seed) : case_(c), numbers_(seed), store_(shapeOf(c)), plain_(c.rows * c.kvHeads), tokens_(c.rows) {
    Growable<int32_t> lanes;
    lanes.resize(c.rows * c.kvHeads);
    for (int32_t& lane : lanes) lane = -1;
    check(store_.table.select(store_.table, lanes.data(), lanes.size()), "memory");
    for (int64_t i = 0; i < plain_.count(); i++) plain_[i] = PlainLane();
    for (int64_t i = 0; i < c.rows; i++) tokens_[i] = 0;
  }

  void run() {
    for (int step = 0; step < 12; step++) {
      const int64_t tokens = step % 3 == 0 ? 1 + numbers_.bits() % 9 : 1;
      takeTokens(tokens);
      if (step == 5) checkCopies();
      if (!case_.merges && step % 4 == 3) dropSome();
    }
    checkExport();
  }

 private:
  static StoreShape shapeOf(const Case& c) {
    StoreShape shape;
    const StoreOptions options = {c.kvHeads * c.group, c.kvHeads,  c.headDim, c.codec, c.pageSlots, 1,
                                  0,                   noColumn,   c.merges,  noWindow, true};
    check(makeShape(options, shape), "memory");
    return shape;
  }

  double tolerance() const {
    return case_.codec == EntryCodec::f32 ? 2e-5 : case_.codec == EntryCodec::bf16 ? 2e-2 : 4e-2;
  }

  void takeTokens(int64_t tokens) {
    const int64_t rows = case_.rows, heads = case_.kvHeads, dim = case_.headDim, lanes = rows * heads;
    const Exactly<int32_t> numbers(3 * rows);
    for (int64_t r = 0; r < rows; r++) {
      numbers[r] = static_cast<int32_t>(r);
      numbers[rows + r] = static_cast<int32_t>(r == 0 ? tokens : 1 + numbers_.bits() % tokens);
      numbers[2 * rows + r] = static_cast<int32_t>(tokens_[r]);
    }
    const Step step = {numbers.data(), numbers.data() + rows, numbers.data() + 2 * rows, rows, tokens};
    const Exactly<float> k(lanes * tokens * dim), v(lanes * tokens * dim), q(lanes * case_.group * tokens * dim);
    const Exactly<float> merge(lanes * tokens), omega(lanes * tokens), out(q.count());
    numbers_.fill(k);
    numbers_.fill(v);
    numbers_.fill(q);
    numbers_.fill(omega);
    for (int64_t i = 0; i < merge.count(); i++) {
      merge[i] = static_cast<float>(numbers_.bits() % 2);
      omega[i] = 0.2f + std::fabs(omega[i]);
    }
    const WriteCall write = {step, k.data(), v.data(), nullptr, nullptr, 0, -1};
    check(case_.merges ? writeMerge(store_, write, merge.data(), omega.data()) : writeAppend(store_, write, nullptr, nullptr),
          "memory");
    AttendCall attention = {};
    attention.step = step;
    attention.q = q.data();
    attention.scale = 0.5f;
    attention.window = attention.recent = noLimit;
    attention.reading.blank = -1;
    attention.out = out.data();
    int64_t longest = 0;
    for (int64_t i = 0; i < lanes; i++) longest = store_.table[i].length > longest ? store_.table[i].length : longest;
    const Exactly<float> mass(lanes * longest);
    for (int64_t i = 0; i < mass.count(); i++) mass[i] = 0;
    attention.mass = case_.merges ? nullptr : mass.data();
    attention.massSlots = longest;
    attention.massQueries = 1;
    check(attend(store_, attention), "memory");
    double worst = 0, worstMass = 0;
    for (int64_t lane = 0; lane < lanes; lane++) {
      const int64_t row = lane / heads;
      for (int64_t t = 0; t < step.lengths[row]; t++) {
        const int64_t token = lane * tokens + t;
        takeToken(plain_[lane], k.data() + token * dim, v.data() + token * dim, merge[token], omega[token], tokens_[row] + t);
        double shares[mostEntries] = {};
        for (int64_t g = 0; g < case_.group; g++) {
          const int64_t at = ((lane * case_.group + g) * tokens + t) * dim;
          keepLargest(worst, compare(plain_[lane], q.data() + at, out.data() + at, shares));
        }
        if (t + 1 < step.lengths[row] || attention.mass == nullptr) continue;
        for (int64_t i = 0; i < plain_[lane].length; i++) {
          keepLargest(worstMass, std::fabs(shares[i] / static_cast<double>(case_.group) - mass[lane * longest + i]));
        }
      }
      check(store_.table[lane].length == plain_[lane].length, "lane %d has %d entries, not %d", static_cast<int>(lane),
            static_cast<int>(store_.table[lane].length), static_cast<int>(plain_[lane].length));
    }
    check(worst < tolerance() && worstMass < tolerance(), "codec %d, %d x %d heads of %d: attention off by %g, mass by %g",
          static_cast<int>(case_.codec), static_cast<int>(heads), static_cast<int>(case_.group), static_cast<int>(dim), worst,
          worstMass);
    store_.endStep();
    for (int64_t r = 0; r < rows; r++) tokens_[r] += step.lengths[r];
  }

  void takeToken(PlainLane& lane, const float* k, const float* v, float merge, float omega, int64_t position) {
    const int64_t dim = case_.headDim;
    const bool merges = case_.merges && merge > 0.5f && position > 0;
    if (!merges) {
      lane.weight = 0;
      for (double& x : lane.sum) x = 0;
      lane.length++;
    }
    const double weight = case_.merges ? omega : 1;
    lane.weight += weight;
    PlainEntry& entry = lane.entries[lane.length - 1];
    for (int64_t i = 0; i < dim; i++) {
      lane.sum[i] += weight * k[i];
      lane.sum[mostDim + i] += weight * v[i];
      entry.key[i] = lane.sum[i] / lane.weight;
      entry.value[i] = lane.sum[mostDim + i] / lane.weight;
    }
    entry.position = position;
  }

  /** Attention by definition; adds each entry's share. */
  double compare(const PlainLane& lane, const float* q, const float* out, double* shares) const {
    const int64_t dim = case_.headDim;
    double weights[mostEntries], total = 0, worst = 0;
    for (int64_t i = 0; i < lane.length; i++) {
      double score = 0;
      for (int64_t d = 0; d < dim; d++) score += 0.5 * q[d] * lane.entries[i].key[d];
      weights[i] = std::exp(score);
      total += weights[i];
    }
    for (int64_t i = 0; i < lane.length; i++) shares[i] += weights[i] / total;
    for (int64_t d = 0; d < dim; d++) {
      double sum = 0;
      for (int64_t i = 0; i < lane.length; i++) sum += weights[i] / total * lane.entries[i].value[d];
      keepLargest(worst, std::fabs(sum - out[d]));
    }
    return worst;
  }

  void dropSome() {
    const int64_t lanes = case_.rows * case_.kvHeads;
    const Exactly<int32_t> numbers(3 * case_.rows), keep(case_.rows);
    int64_t slots = 0;
    for (int64_t i = 0; i < lanes; i++) slots = plain_[i].length > slots ? plain_[i].length : slots;
    const Exactly<float> scores(lanes * slots);
    numbers_.fill(scores);
    for (int64_t r = 0; r < case_.rows; r++) {
      numbers[r] = static_cast<int32_t>(r);
      numbers[case_.rows + r] = 1;
      numbers[2 * case_.rows + r] = static_cast<int32_t>(tokens_[r]);
      keep[r] = static_cast<int32_t>(1 + numbers_.bits() % 12);
    }
    const Step step = {numbers.data(), numbers.data() + case_.rows, numbers.data() + 2 * case_.rows, case_.rows, 1};
    check(dropLowest(store_, step, {scores.data(), nullptr, slots}, keep.data(), false), "memory");
    for (int64_t lane = 0; lane < lanes; lane++) {
      Growable<float> left;
      for (int64_t i = 0; i < plain_[lane].length; i++) left.push(scores[lane * slots + i]);
      while (plain_[lane].length > keep[lane / case_.kvHeads]) {
        int64_t lowest = 0;
        for (int64_t i = 1; i < plain_[lane].length; i++) lowest = left[i] <= left[lowest] ? i : lowest;
        plain_[lane].drop(lowest);
        for (int64_t i = lowest; i + 1 < left.size(); i++) left[i] = left[i + 1];
        left.resize(left.size() - 1);
      }
    }
  }

  /** A copy keeps what it had while the original goes on, and what both have is held once. */
  void checkCopies() {
    LaneTable copy(store_.shape());
    const int64_t before = pageFigures().bytes;
    check(copy.copy(store_.table) && pageFigures().bytes == before, "a copy costs no page");
    Growable<int32_t> lengths;
    for (int64_t i = 0; i < copy.count(); i++) lengths.push(static_cast<int32_t>(copy[i].length));
    takeTokens(3);
    for (int64_t i = 0; i < copy.count(); i++) check(copy[i].length == lengths[i], "a copy keeps its length");
    StoreBytes own, other;
    Growable<double> shared, sharedAgain;
    check(countBytes(store_.table, own, shared) && countBytes(copy, other, sharedAgain), "memory");
    check(shared.size() == sharedAgain.size(), "both see the same shared pages");
    double sum = static_cast<double>(own.own + other.own);
    for (int64_t i = 1; i < shared.size(); i += 2) sum += shared[i];
    check(sum == static_cast<double>(pageFigures().bytes), "bytes of store and copy make up the allocator's");
  }

  /** Numbers that go out and come in again are the same. */
  void checkExport() {
    const StoreShape& shape = store_.shape();
    const int64_t lanes = store_.table.count(), dim = case_.headDim, row = 2 * dim + 1;
    int64_t entries = 0;
    const Exactly<int32_t> lengths(lanes);
    for (int64_t i = 0; i < lanes; i++) {
      lengths[i] = static_cast<int32_t>(store_.table[i].length);
      entries += lengths[i];
    }
    const Exactly<float> keys(entries * dim), values(entries * dim), sums(lanes * row), counts(lanes);
    const Exactly<float> keysAgain(entries * dim), valuesAgain(entries * dim), sumsAgain(lanes * row), countsAgain(lanes);
    const Exactly<int32_t> positions(entries), positionsAgain(entries);
    check(exportContent(store_, {keys.data(), values.data(), {positions.data()}, sums.data(), counts.data()}), "memory");
    const int64_t bytes = pageFigures().bytes;
    Store other(shape);
    check(importContent(other, lengths.data(), lanes, {keys.data(), values.data(), {positions.data()}, sums.data(), counts.data()}),
          "memory");
    check(pageFigures().bytes == 2 * bytes, "what was read again takes as many pages");
    check(exportContent(other, {keysAgain.data(), valuesAgain.data(), {positionsAgain.data()}, sumsAgain.data(),
                                countsAgain.data()}),
          "memory");
    // the codes of int8 are the same again, their scales to rounding
    double worst = 0;
    for (int64_t i = 0; i < keys.count(); i++) {
      keepLargest(worst, std::fmax(std::fabs(keys[i] - keysAgain[i]), std::fabs(values[i] - valuesAgain[i])));
    }
    const bool same = memcmp(positions.data(), positionsAgain.data(), static_cast<size_t>(entries) * 4) == 0 &&
                      (!case_.merges || memcmp(sums.data(), sumsAgain.data(), static_cast<size_t>(sums.count()) * 4) == 0);
    check(same && worst < 1e-6, "exported numbers come in again (%g)", worst);
  }

  const Case case_;
  Numbers numbers_;
  Store store_;
  const Exactly<PlainLane> plain_;
  const Exactly<int64_t> tokens_;
};

}  // namespace

void testStore() {
  const Case cases[] = {
      {EntryCodec::f32, 2, 1, 1, 1, 8, false},   {EntryCodec::f32, 6, 3, 3, 2, 16, false},
      {EntryCodec::f32, 32, 2, 5, 3, 8, false},  {EntryCodec::bf16, 16, 1, 4, 2, 8, false},
      {EntryCodec::int8, 18, 2, 2, 2, 16, false}, {EntryCodec::f32, 8, 2, 2, 2, 8, true},
      {EntryCodec::bf16, 32, 1, 3, 1, 16, true}, {EntryCodec::int8, 16, 2, 8, 2, 8, true},
      {EntryCodec::f32, 64, 1, 3, 2, 16, false}, {EntryCodec::bf16, 64, 2, 3, 2, 16, false},
      {EntryCodec::int8, 64, 3, 3, 2, 16, false}, {EntryCodec::int8, 128, 1, 5, 1, 8, false},
      {EntryCodec::int8, 64, 2, 4, 2, 16, true}, {EntryCodec::bf16, 128, 1, 2, 1, 32, true},
  };
  uint64_t seed = 1;
  for (const Case& c : cases) {
    const int64_t before = pageFigures().bytes;
    { Trial(c, seed++).run(); }
    check(pageFigures().bytes == before, "nothing is left");
  }
}

}  // namespace kvfold::test
