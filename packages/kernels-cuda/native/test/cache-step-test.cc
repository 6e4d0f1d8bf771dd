// Steps of decoding that write: append, and DMC's merging with its state, against plain loops over the whole text.
#include "../kernels/args/cache-step.h"
#include "../kernels/attention/plan-tiles.h"
#include "stored-entry.h"

namespace {

using namespace kvfold;
using namespace kvfold::test;

struct Setting {
  EntryCodec codec;
  int headDim;
  int window;  // 0: append only; 1: running sums
  int half;
  bool columns;
  bool decideHere;
};

/** A head rotated and blanked as the model's reference does it. */
std::vector<double> turned(std::vector<double> x, const float* cos, const float* sin, int half, int blank) {
  if (blank >= 0) x[blank] = 0;
  for (int i = 0; i < half; i++) {
    const double a = x[i], b = x[half + i];
    x[i] = a * cos[i] - b * sin[i];
    x[half + i] = b * cos[i] + a * sin[i];
  }
  if (blank >= 0) x[blank] = 0;
  return x;
}

struct Lane {
  std::vector<std::vector<double>> items;  // of the open segment, newest last, [key | value]
  std::vector<double> omegas;
  std::vector<std::vector<double>> entries;
  std::vector<int> positions;
};

void run(const Setting& s, uint64_t seed) {
  const int rows = 3, kvHeads = 2, group = 2, storeRows = 4, lanes = storeRows * kvHeads, pages = 30, steps = 40;
  const int rowMap[rows] = {0, 2, 3};
  const EntryLayout layout = entryLayout(s.codec, s.headDim, 16, s.columns ? 2 : 0, s.columns ? 1 : -1, s.columns ? 0 : -1, s.window);
  const int blank = s.window > 0 ? s.headDim - 1 : -1;
  Array<unsigned char> memory(static_cast<size_t>(layout.pageBytes) * pages), states(static_cast<size_t>(layout.stateBytes) * lanes + 1);
  Array<int> table(lanes * 4), lengths(lanes, 0), freePages(pages), freeCount(1, pages), failures(1, 0), finished(1, 0);
  Array<int> rowList(rows), positions(rows), until(rows * kvHeads), tileStarts(rows * kvHeads + 1);
  for (int i = 0; i < pages; i++) freePages[i] = pages - 1 - i;
  for (size_t i = 0; i < static_cast<size_t>(layout.stateBytes) * lanes; i += 4) memset(states.data() + i, 0, 4);
  Array<float> q(rows * kvHeads * group * s.headDim), k(rows * kvHeads * s.headDim), v(rows * kvHeads * s.headDim), qOut(q.count());
  Array<float> cos(rows * s.half), sin(rows * s.half), merge(rows * kvHeads), omega(rows * kvHeads), decided(rows * kvHeads);
  Numbers numbers(seed);
  std::vector<Lane> expected(lanes);
  for (int i = 0; i < rows; i++) rowList[i] = rowMap[i];

  CacheStepArgs args = {};
  args.q = q.address(), args.k = k.address(), args.v = v.address(), args.qOut = qOut.address();
  args.cos = s.half > 0 ? cos.address() : 0, args.sin = sin.address();
  args.rows = rowList.address(), args.positions = positions.address();
  args.until = s.columns ? until.address() : 0;
  args.merge = s.decideHere ? 0 : merge.address(), args.omega = omega.address(), args.decided = decided.address();
  args.finished = finished.address();
  args.pool = {freePages.address(), freeCount.address(), failures.address(), 0};
  args.store = {memory.address(), table.address(), lengths.address(), s.window > 0 ? states.address() : 0, 4, kvHeads, layout};
  args.plan = {lengths.address(), rowList.address(), tileStarts.address(), rows, kvHeads, 1};
  args.rowCount = rows, args.group = group, args.half = s.half, args.blank = blank, args.queryBlank = blank, args.blankHeads = s.columns ? 1 : group, args.rotatesAtWrite = 1;
  args.channel = s.headDim - 1, args.offset = 0.25f, args.epsilon = 0.0078125f, args.edge = 0;
  const unsigned grid = (rows * kvHeads + cacheStepLanes - 1) / cacheStepLanes;

  for (int step = 0; step < steps; step++) {
    numbers.fill(q), numbers.fill(k), numbers.fill(v), numbers.fill(merge), numbers.fill(omega);
    for (size_t i = 0; i < omega.count(); i++) omega[i] = 1.1f + omega[i];
    for (int row = 0; row < rows; row++) {
      positions[row] = step + row % 2;
      for (int i = 0; i < s.half; i++) {
        const double angle = positions[row] * pow(10.0, -2.0 * i / s.half);
        cos[row * s.half + i] = static_cast<float>(::cos(angle));
        sin[row * s.half + i] = static_cast<float>(::sin(angle));
      }
      for (int head = 0; head < kvHeads; head++) until[row * kvHeads + head] = 100 + step;
    }
    launch(s.window > 0 ? "kvfold_dmc_step" : "kvfold_append_step", args, grid, 32 * cacheStepLanes);
    int tiles = 0;
    for (int lane = 0; lane < rows * kvHeads; lane++) {
      const int row = lane / kvHeads;
      Lane& own = expected[rowMap[row] * kvHeads + lane % kvHeads];
      std::vector<double> item;
      for (int i = 0; i < s.headDim; i++) item.push_back(i == blank ? 0 : k[lane * s.headDim + i]);
      for (int i = 0; i < s.headDim; i++) item.push_back(v[lane * s.headDim + i]);
      bool merges = merge[lane] > 0.5f;
      double weight = omega[lane];
      if (s.decideHere) {
        double importance = 0;
        for (int g = 0; g < group; g++) importance += q[(lane * group + g) * s.headDim + args.channel] / group;
        merges = k[lane * s.headDim + args.channel] - args.offset > 0;
        weight = 1 / (1 + exp(-(importance + args.offset))) + args.epsilon;
      }
      merges = merges && s.window > 0 && positions[row] > 0;
      if (s.window > 0) check(decided[lane] == (merges ? 1.0f : 0.0f), "decision of lane %d", lane);
      if (!merges) own.items.clear(), own.omegas.clear();
      own.items.push_back(item);
      own.omegas.push_back(s.window > 0 ? weight : 1);
      std::vector<double> mean(2 * s.headDim, 0.0);
      double total = 0;
      const size_t reach = s.window <= 1 ? own.items.size() : static_cast<size_t>(s.window);
      for (size_t m = own.items.size() > reach ? own.items.size() - reach : 0; m < own.items.size(); m++) {
        total += own.omegas[m];
        for (int i = 0; i < 2 * s.headDim; i++) mean[i] += own.omegas[m] * own.items[m][i];
      }
      for (double& x : mean) x /= total;
      const std::vector<double> key = turned({mean.begin(), mean.begin() + s.headDim}, cos.data() + row * s.half, sin.data() + row * s.half, s.half, blank);
      std::copy(key.begin(), key.end(), mean.begin());
      if (!merges || own.entries.empty()) own.entries.push_back(mean), own.positions.push_back(positions[row]);
      own.entries.back() = mean;
      own.positions.back() = positions[row];
      check(tileStarts[lane] == tiles, "tiles before lane %d: %d, expected %d", lane, tileStarts[lane], tiles);
      tiles += tilesOf(static_cast<int>(own.entries.size()));
      for (int g = 0; g < group; g++) {
        const float* from = q.data() + (lane * group + g) * s.headDim;
        const std::vector<double> query = turned({from, from + s.headDim}, cos.data() + row * s.half, sin.data() + row * s.half, s.half, g < args.blankHeads ? blank : -1);
        const std::vector<float> rounded(query.begin(), query.end());
        checkClose("queries", qOut.data() + (lane * group + g) * s.headDim, rounded.data(), rounded.size(), 1e-6);
      }
    }
    check(tileStarts[rows * kvHeads] == tiles && finished[0] == 0, "tiles of all lanes");
  }
  int used = 0;
  for (int lane = 0; lane < lanes; lane++) {
    const Lane& own = expected[lane];
    const int length = static_cast<int>(own.entries.size());
    check(lengths[lane] == length, "lane %d has %d entries, expected %d", lane, lengths[lane], length);
    used += (length + 15) / 16;
    for (int slot = 0; slot < length; slot++) {
      const unsigned char* page = memory.data() + static_cast<size_t>(table[lane * 4 + slot / 16]) * layout.pageBytes;
      const std::vector<float> stored = storedEntry(layout, page, slot % 16);
      for (int part = 0; part < 2; part++) {
        const std::vector<float> wanted(own.entries[slot].begin() + part * s.headDim, own.entries[slot].begin() + (part + 1) * s.headDim);
        checkClose("entry", stored.data() + part * layout.dims, wanted.data(), wanted.size(), codecError(s.codec));
        if (slot == length - 1 && layout.openOffset != 0) {
          const float* open = reinterpret_cast<const float*>(states.data() + static_cast<size_t>(lane) * layout.stateBytes + layout.openOffset);
          checkClose("open entry", open + part * layout.dims, wanted.data(), wanted.size(), 2e-6);
        }
      }
      if (!s.columns) continue;
      const int* columns = reinterpret_cast<const int*>(page + layout.columnsOffset);
      check(columns[16 + slot % 16] == own.positions[slot], "position of entry %d of lane %d", slot, lane);
      if (s.window == 0) check(columns[slot % 16] == 100 + slot, "end of entry %d of lane %d", slot, lane);
    }
  }
  check(freeCount[0] == pages - used && failures[0] == 0, "%d pages left, expected %d", freeCount[0], pages - used);
}

KVFOLD_TEST(cacheSteps) {
  uint64_t seed = 1;
  for (EntryCodec codec : {EntryCodec::f32, EntryCodec::bf16, EntryCodec::int8}) {
    run({codec, 32, 0, 16, false, false}, seed++);
    run({codec, 20, 0, 6, true, false}, seed++);
    run({codec, 64, 12, 32, false, true}, seed++);
    run({codec, 24, 4, 0, true, false}, seed++);
    run({codec, 128, 1, 64, false, false}, seed++);
  }
}

KVFOLD_TEST(cacheStepWithoutPages) {
  const EntryLayout layout = entryLayout(EntryCodec::f32, 32, 16, 0, -1, -1, 0);
  Array<unsigned char> memory(layout.pageBytes);
  Array<int> table(2), lengths(2, 0), freePages(1, 0), freeCount(1, 1), failures(1, 0), finished(1, 0), positions(2, 0);
  Array<float> k(64, 1.0f), v(64, 2.0f);
  CacheStepArgs args = {};
  args.k = k.address(), args.v = v.address(), args.positions = positions.address(), args.finished = finished.address();
  args.pool = {freePages.address(), freeCount.address(), failures.address(), 0};
  args.store = {memory.address(), table.address(), lengths.address(), 0, 1, 1, layout};
  args.rowCount = 2, args.group = 1, args.blank = -1, args.rotatesAtWrite = 1;
  launch("kvfold_append_step", args, 1, 32 * cacheStepLanes);
  check(lengths[0] + lengths[1] == 1 && failures[0] == 1 && freeCount[0] == 0, "one of two lanes has no page");
  for (int i = 0; i < 20; i++) launch("kvfold_append_step", args, 1, 32 * cacheStepLanes);
  check(lengths[0] + lengths[1] == 16 && failures[0] == 1 + 20 + 5, "a full list: %d failures", failures[0]);
  check(freeCount[0] == 0 && storedEntry(layout, memory.data(), 15)[32] == 2.0f, "what there was room for");
}

KVFOLD_TEST(cacheStepOverwrites) {
  const EntryLayout layout = entryLayout(EntryCodec::f32, 32, 16, 1, 0, -1, 0);
  Array<unsigned char> memory(layout.pageBytes * 4);
  Array<int> table(4), lengths(2, 0), freePages(4), freeCount(1, 4), failures(1, 0), finished(1, 0), positions(2), slots(2);
  for (int i = 0; i < 4; i++) freePages[i] = i;
  Array<float> k(64), v(64);
  CacheStepArgs args = {};
  args.k = k.address(), args.v = v.address(), args.positions = positions.address(), args.finished = finished.address(), args.slots = slots.address();
  args.pool = {freePages.address(), freeCount.address(), failures.address(), 0};
  args.store = {memory.address(), table.address(), lengths.address(), 0, 2, 1, layout};
  args.rowCount = 2, args.group = 1, args.blank = -1, args.rotatesAtWrite = 1;
  const int wanted[][2] = {{5, 0}, {5, -3}, {1, 1}, {0, 9}};
  for (int step = 0; step < 4; step++) {
    for (int i = 0; i < 64; i++) k[i] = v[i] = static_cast<float>(10 * step + i / 32);
    for (int row = 0; row < 2; row++) slots[row] = wanted[step][row], positions[row] = step;
    launch("kvfold_append_step", args, 1, 32 * cacheStepLanes);
  }
  check(lengths[0] == 2 && lengths[1] == 3, "lengths %d and %d", lengths[0], lengths[1]);
  const float expected[2][3] = {{30, 20, 0}, {11, 21, 31}};
  for (int row = 0; row < 2; row++) {
    const unsigned char* page = memory.data() + table[2 * row] * layout.pageBytes;
    for (int slot = 0; slot < lengths[row]; slot++) {
      check(storedEntry(layout, page, slot)[3] == expected[row][slot], "slot %d of row %d", slot, row);
      check(reinterpret_cast<const int*>(page + layout.columnsOffset)[slot] == static_cast<int>(expected[row][slot]) / 10, "position");
    }
  }
}

}  // namespace
