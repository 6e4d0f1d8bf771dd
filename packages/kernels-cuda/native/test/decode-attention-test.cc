// Decode attention against plain loops in double.
#include <cstdio>

#include "lanes.h"

namespace {

using namespace kvfold;
using namespace kvfold::test;

struct Case {
  const char* title;
  LanesOptions lanes;
  int group;
  std::vector<int> rows;  // empty: all rows in order
  bool masked;
  bool mass;
  int multiprocessors;
  bool exact = false;  // float32 throughout over coded entries
};

struct Expected {
  std::vector<double> out, lse, mass;
};

/** [rows, queryHeads, headDim] of the contract's reference form, with the mass of the one query. */
Expected reference(const Case& c, const Lanes& lanes, const Array<float>& q, const std::vector<int>& rows,
                   const Array<int>& positions, const DecodeAttentionArgs& args) {
  const int kvHeads = c.lanes.kvHeads, headDim = c.lanes.headDim;
  Expected expected;
  expected.mass.assign(rows.size() * kvHeads * args.scoreSlots, 0);
  for (size_t row = 0; row < rows.size(); row++) {
    for (int head = 0; head < kvHeads * c.group; head++) {
      const int kv = head / c.group, lane = rows[row] * kvHeads + kv, length = lanes.length(lane);
      const float* query = q.data() + (row * kvHeads * c.group + head) * headDim;
      std::vector<double> weights(length);
      double peak = -INFINITY, total = 0;
      for (int slot = 0; slot < length; slot++) {
        double score = 0;
        for (int d = 0; d < headDim; d++) score += static_cast<double>(query[d]) * lanes.keys(lane)[slot * headDim + d];
        weights[slot] = score * args.scale;
        const int distance = positions[row] - lanes.position(lane, slot);
        const bool hidden = c.masked && (distance >= args.window || positions[row] >= lanes.until(lane, slot) ||
                                         (lanes.position(lane, slot) >= args.sinks && distance >= args.recent));
        if (hidden) weights[slot] = -INFINITY;
        peak = fmax(peak, weights[slot]);
      }
      for (double& weight : weights) total += weight = weight == -INFINITY ? 0 : exp(weight - peak);
      expected.lse.push_back(total > 0 ? peak + log(total) : -INFINITY);
      std::vector<double> out(headDim, 0.0);
      for (int slot = 0; slot < length; slot++) {
        const double share = total > 0 ? weights[slot] / total : 0;
        for (int d = 0; d < headDim; d++) out[d] += share * lanes.values(lane)[slot * headDim + d];
        expected.mass[(row * kvHeads + kv) * args.scoreSlots + slot] += share / c.group;
      }
      expected.out.insert(expected.out.end(), out.begin(), out.end());
    }
  }
  return expected;
}

void run(const Case& c, uint64_t seed) {
  const Lanes lanes(c.lanes, seed);
  const int kvHeads = c.lanes.kvHeads, headDim = c.lanes.headDim, storeRows = static_cast<int>(c.lanes.lengths.size()) / kvHeads;
  std::vector<int> rows = c.rows;
  for (int i = 0; c.rows.empty() && i < storeRows; i++) rows.push_back(i);
  const size_t queries = rows.size() * kvHeads * c.group;
  const Array<int> rowList(rows.size()), positions(rows.size());
  int longest = 1;
  for (int length : c.lanes.lengths) longest = length > longest ? length : longest;
  for (size_t i = 0; i < rows.size(); i++) {
    rowList[i] = rows[i];
    positions[i] = longest + static_cast<int>(i);
  }
  const EntryCodec codec = c.lanes.codec;
  const int passes = headPasses(c.exact ? EntryCodec::f32 : codec, c.group);
  const size_t workLanes = rows.size() * kvHeads * passes;
  const DecodeAttentionPlan plan = planDecodeAttention(codec, lanes.layout().dims, {c.multiprocessors, 101376, 233472});
  Array<float> q(queries * headDim), out(queries * headDim), lse(queries), scores(queries * longest, -INFINITY),
      mass(rows.size() * kvHeads * longest), partials(decodePartialFloats(plan, codec, lanes.layout().dims, rows.size() * kvHeads, passes));
  Array<int> tileStarts(workLanes + 1), arrivals(workLanes, 0);
  Numbers numbers(seed + 7);
  numbers.fill(q, 2);

  DecodeAttentionArgs args = {};
  args.q = q.address();
  args.out = out.address();
  args.lse = lse.address();
  args.scores = c.mass ? scores.address() : 0;
  args.rows = c.rows.empty() ? 0 : rowList.address();
  args.queryPositions = c.masked ? positions.address() : 0;
  args.tileStarts = tileStarts.address();
  args.partials = partials.address();
  args.arrivals = arrivals.address();
  args.store = lanes.store();
  args.scale = 1 / sqrtf(static_cast<float>(headDim));
  args.rowCount = static_cast<int>(rows.size());
  args.group = c.group;
  args.passes = passes;
  args.scoreSlots = longest;
  args.window = c.masked ? longest - longest / 4 : noEnd;
  args.sinks = 2;
  args.recent = c.masked ? longest / 2 + 1 : noEnd;
  launch("kvfold_attention_plan", AttentionPlanArgs{lanes.store().lengths, args.rows, args.tileStarts, args.rowCount, kvHeads, passes}, 1,
         attentionPlanThreads);
  const char* codecNames[] = {"f32", "bf16", "int8"};
  char name[64];
  snprintf(name, sizeof name, "kvfold_decode_attention_%s%s_%d", c.exact ? "exact_" : "", codecNames[static_cast<int>(codec)], lanes.layout().dims);
  launch(name, args, plan.grid, plan.block, plan.sharedBytes);
  snprintf(name, sizeof name, "kvfold_decode_merge_%s_%d", codecNames[c.exact ? 0 : static_cast<int>(codec)], lanes.layout().dims);
  launch(name, DecodeMergeArgs{args, static_cast<int>(plan.warps)}, plan.mergeGrid, decodeMergeThreads);
  const Expected expected = reference(c, lanes, q, rows, positions, args);
  checkClose(c.title, out, expected.out, c.exact || codec == EntryCodec::f32 ? 3e-6 : 2e-5);
  for (size_t i = 0; i < queries; i++) {
    check(lse[i] == expected.lse[i] || fabs(lse[i] - expected.lse[i]) < 1e-4, "%s: lse %zu is %g, expected %g", c.title, i,
          static_cast<double>(lse[i]), expected.lse[i]);
  }
  for (size_t i = 0; i < workLanes; i++) check(arrivals[i] == 0, "%s: arrivals of lane %zu", c.title, i);
  if (!c.mass) return;
  const AttentionMassArgs massArgs = {args.scores, args.lse, args.store.lengths, args.rows, mass.address(), kvHeads, c.group, longest};
  const unsigned blocks = (static_cast<unsigned>(longest) + 255) / 256;
  launch3("kvfold_attention_mass", massArgs, {{blocks, static_cast<unsigned>(rows.size() * kvHeads), 1}, {256, 1, 1}, 0});
  checkClose(c.title, mass, expected.mass, 2e-4);
}

LanesOptions lanesOf(EntryCodec codec, int headDim, int kvHeads, int pageSlots, std::vector<int> lengths) {
  LanesOptions options;
  options.codec = codec;
  options.headDim = headDim;
  options.kvHeads = kvHeads;
  options.pageSlots = pageSlots;
  options.lengths = std::move(lengths);
  return options;
}

/** On tensor cores, too, where entries are coded. */
void runBoth(Case c, uint64_t seed) {
  run(c, seed);
  if (c.lanes.codec == EntryCodec::f32) return;
  c.exact = true;
  run(c, seed);
}

KVFOLD_TEST(decodeAttention) {
  uint64_t seed = 1;
  for (EntryCodec codec : {EntryCodec::f32, EntryCodec::bf16, EntryCodec::int8}) {
    for (int headDim : {8, 32, 64, 80, 128, 256}) {
      const Case ragged = {"ragged lanes", lanesOf(codec, headDim, 2, 16, {37, 1, 100, 16, 0, 65}), 2, {}, false, false, 2};
      runBoth(ragged, seed++);
    }
    runBoth({"one lane over all warps", lanesOf(codec, 128, 1, 64, {700}), 4, {}, false, false, 4}, seed++);
    runBoth({"many short lanes, rows chosen", lanesOf(codec, 64, 3, 32, std::vector<int>(36, 20)), 1, {1, 2, 5, 11}, false, true, 1}, seed++);
    runBoth({"groups of 11", lanesOf(codec, 32, 2, 16, {50, 33}), 11, {}, false, true, 2}, seed++);
    LanesOptions columns = lanesOf(codec, 32, 2, 32, {90, 41, 17, 64});
    columns.columns = true;
    runBoth({"what ends to be visible", columns, 3, {}, true, true, 2}, seed++);
    runBoth({"slots as positions", lanesOf(codec, 64, 2, 16, {90, 41}), 8, {}, true, false, 2}, seed++);
    LanesOptions open = lanesOf(codec, 96, 2, 16, {49, 5, 1, 17, 16, 33});
    open.ringRows = 12;
    open.open = true;
    runBoth({"open entries", open, 5, {}, false, true, 2}, seed++);
  }
}

KVFOLD_TEST(decodeAttentionRandom) {
  Numbers numbers(42);
  for (int i = 0; i < 30; i++) {
    const EntryCodec codec = static_cast<EntryCodec>(numbers.below(3));
    const int headDim = 1 + static_cast<int>(numbers.below(96)), kvHeads = 1 + static_cast<int>(numbers.below(3));
    std::vector<int> lengths;
    const unsigned rows = 1 + numbers.below(4);
    for (unsigned lane = 0; lane < rows * static_cast<unsigned>(kvHeads); lane++) {
      lengths.push_back(static_cast<int>(numbers.below(2) == 0 ? numbers.below(20) : numbers.below(200)));
    }
    LanesOptions lanes = lanesOf(codec, headDim, kvHeads, 16 << numbers.below(3), lengths);
    lanes.columns = numbers.below(2) == 0;
    lanes.ringRows = numbers.below(2) == 0 ? 12 : 0;
    lanes.open = true;
    const bool masked = lanes.ringRows == 0 && numbers.below(2) == 0;
    if (!masked) lanes.columns = false;
    runBoth({"random", lanes, 1 + static_cast<int>(numbers.below(9)), {}, masked, numbers.below(2) == 0, 1 + static_cast<int>(numbers.below(6))},
        1000 + i);
  }
}

}  // namespace
