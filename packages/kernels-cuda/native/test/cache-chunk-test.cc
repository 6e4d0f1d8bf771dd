// Chunks of a text through plan, write, keep and prefill attention, against plain loops that go token by token.
#include <cstdio>

#include "../kernels/args/cache-chunk.h"
#include "../kernels/args/dmc-decide.h"
#include "../kernels/args/prefill-exact.h"
#include "../kernels/args/prefill-mass.h"
#include "../kernels/args/turn-queries.h"
#include "stored-entry.h"

namespace {

using namespace kvfold;
using namespace kvfold::test;

struct Setting {
  EntryCodec codec;
  int headDim;
  int window;  // 0: append only; 1: running sums
  int group;
  bool columns;  // position and end, for append
  bool decideHere;
  bool exact = false;  // attention in float32 throughout
};

struct Entry {
  std::vector<double> numbers;  // [key | value]
  int position, until;
};

/** What one lane holds, token by token. */
struct Lane {
  std::vector<std::vector<double>> items;
  std::vector<double> omegas;
  std::vector<Entry> entries;
};

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

void run(const Setting& s, uint64_t seed) {
  const int rows = 2, kvHeads = 2, lanes = rows * kvHeads, pages = 60, capacity = 12, half = s.headDim / 2, D = s.headDim;
  const EntryLayout layout = entryLayout(s.codec, D, 16, s.columns ? 2 : 0, s.columns ? 0 : -1, s.columns ? 1 : -1, s.window);
  const int dims = layout.dims, blank = s.window > 0 ? D - 1 : -1, heads = kvHeads * s.group;
  Array<unsigned char> memory(static_cast<size_t>(layout.pageBytes) * pages), states(static_cast<size_t>(layout.stateBytes) * lanes + 1);
  memset(states.data(), 0, static_cast<size_t>(layout.stateBytes) * lanes);
  Array<int> table(lanes * capacity), lengths(lanes, 0), freePages(pages), freeCount(1, pages), failures(1, 0);
  for (int i = 0; i < pages; i++) freePages[i] = i * 7 % pages;
  Numbers numbers(seed);
  std::vector<Lane> expected(lanes);
  std::vector<int> done(rows, 0);
  const int chunks[][rows] = {{26, 17}, {1, 7}, {19, 1}};
  for (const auto& chunk : chunks) {
    int T = 0;
    for (int count : chunk) T = count > T ? count : T;
    Array<float> q(rows * heads * T * D), k(lanes * T * D), v(lanes * T * D), qOut(q.count()), cos(rows * T * half), sin(rows * T * half);
    Array<float> merge(lanes * T), omega(lanes * T), decided(lanes * T), weights(lanes * T), own(static_cast<size_t>(lanes) * T * 2 * dims), out(q.count()), lse(rows * heads * T);
    Array<int> counts(rows), positions(rows), until(lanes * T), slots(lanes * T), members(lanes * T), from(lanes * (T + 1)), oldLengths(lanes);
    numbers.fill(q, 2), numbers.fill(k), numbers.fill(v), numbers.fill(merge), numbers.fill(omega);
    for (size_t i = 0; i < omega.count(); i++) {
      omega[i] = 1.1f + omega[i];
      merge[i] = merge[i] < 0.2f ? 1 : 0;
      until[i] = static_cast<int>(numbers.below(3) == 0 ? 20 + numbers.below(100) : 1000);
    }
    for (int row = 0; row < rows; row++) {
      counts[row] = chunk[row];
      positions[row] = done[row];
      for (int i = 0; i < T * half; i++) {
        const double angle = (done[row] + i / half) * pow(10.0, -2.0 * (i % half) / half);
        cos[row * T * half + i] = static_cast<float>(::cos(angle));
        sin[row * T * half + i] = static_cast<float>(::sin(angle));
      }
    }
    CacheChunkArgs args = {};
    args.q = q.address(), args.k = k.address(), args.v = v.address(), args.cos = cos.address(), args.sin = sin.address(), args.qOut = qOut.address();
    args.counts = counts.address(), args.positions = positions.address(), args.until = s.columns ? until.address() : 0;
    args.merge = s.decideHere ? 0 : merge.address(), args.omega = omega.address(), args.decided = decided.address();
    args.slots = slots.address(), args.members = members.address(), args.weights = weights.address(), args.from = from.address();
    args.oldLengths = oldLengths.address(), args.own = own.address();
    args.pool = {freePages.address(), freeCount.address(), failures.address(), 0};
    args.store = {memory.address(), table.address(), lengths.address(), s.window > 0 ? states.address() : 0, capacity, kvHeads, layout};
    args.rowCount = rows, args.tokens = T, args.group = s.group, args.half = half, args.blank = blank, args.queryBlank = blank, args.blankHeads = s.group, args.rotatesAtWrite = 1;
    args.channel = D - 1, args.offset = 0.25f, args.epsilon = 0.0078125f;
    const emulator::Launch writing = {{(static_cast<unsigned>(T) + chunkWriteTokens - 1) / chunkWriteTokens, lanes, 1}, {32 * chunkWriteTokens, 1, 1}, 0};
    launch(s.window > 0 ? "kvfold_dmc_chunk_plan" : "kvfold_append_chunk_plan", args, lanes, chunkPlanThreads);
    if (s.window == 1) launch3("kvfold_dmc_chunk_sums", args, {{(2 * static_cast<unsigned>(dims) + 63) / 64, lanes, 1}, {64, 1, 1}, 0});
    launch3(s.window > 0 ? "kvfold_dmc_chunk_write" : "kvfold_append_chunk_write", args, writing);
    if (s.window > 0) launch("kvfold_dmc_chunk_keep", args, lanes, 32);

    PrefillAttentionArgs attend = {};
    attend.q = qOut.address(), attend.out = out.address(), attend.lse = lse.address(), attend.counts = counts.address();
    attend.positions = positions.address(), attend.oldLengths = oldLengths.address(), attend.slots = slots.address(), attend.from = from.address();
    attend.own = s.window > 0 ? own.address() : 0, attend.store = args.store, attend.scale = 0.3f, attend.tokens = T, attend.group = s.group;
    attend.window = s.columns ? 50 : noEnd, attend.sinks = 3, attend.recent = s.columns ? 30 : noEnd;
    const char* codecs[] = {"f32", "bf16", "int8"};
    char name[64];
    snprintf(name, sizeof name, "kvfold_prefill_attention_%s_%d", s.exact ? "exact" : codecs[static_cast<int>(s.codec)], dims);
    const unsigned blocks = (static_cast<unsigned>(T * s.group) + prefillRows(dims) - 1) / prefillRows(dims);
    const int shared = s.exact ? prefillExactSharedBytes(dims) : prefillSharedBytes(s.codec, dims);
    launch3(name, attend, {{blocks, lanes, 1}, {2 * static_cast<unsigned>(prefillRows(dims)), 1, 1}, static_cast<size_t>(shared)});

    const int slotsWanted = 80, massQueries = 6;
    Array<float> mass(lanes * slotsWanted), turnedAgain(q.count());
    launch3("kvfold_prefill_mass", PrefillMassArgs{attend, mass.address(), slotsWanted, massQueries}, {{3, lanes, 1}, {256, 1, 1}, 0});
    const TurnQueriesArgs turns = {q.address(), cos.address(), sin.address(), turnedAgain.address(), rows * heads * T, heads, T, s.group, D, half, blank, s.group};
    launch("kvfold_turn_queries", turns, (rows * heads * T + 7) / 8, 256);
    if (s.decideHere) {
      Array<float> alone(lanes * T), weight(lanes * T);
      launch("kvfold_dmc_decide", DmcDecideArgs{q.address(), k.address(), alone.address(), weight.address(), lanes * T, T, s.group, D, D - 1, args.offset, args.epsilon, 0}, (lanes * T + 255) / 256, 256);
      for (int lane = 0; lane < lanes; lane++) {
        for (int t = done[lane / kvHeads] == 0 ? 1 : 0; t < chunk[lane / kvHeads]; t++) {
          check(alone[lane * T + t] == decided[lane * T + t] && weight[lane * T + t] == weights[lane * T + t], "decisions by themselves");
        }
      }
    }

    // after the chunk the pages hold what segments ended with: coded entries are compared, then read back for attention
    for (int lane = 0; lane < lanes; lane++) {
      const int row = lane / kvHeads;
      Lane& held = expected[lane];
      std::vector<std::vector<double>> states;
      std::vector<size_t> atToken;
      for (int t = 0; t < chunk[row]; t++) {
        const size_t token = static_cast<size_t>(lane) * T + t;
        std::vector<double> item;
        for (int i = 0; i < D; i++) item.push_back(i == blank ? 0 : k[token * D + i]);
        for (int i = 0; i < D; i++) item.push_back(v[token * D + i]);
        bool merges = merge[token] > 0.5f;
        double weight = omega[token];
        if (s.decideHere) {
          double importance = 0;
          for (int g = 0; g < s.group; g++) importance += q[((static_cast<size_t>(lane) * s.group + g) * T + t) * D + D - 1] / s.group;
          merges = k[token * D + D - 1] - args.offset > 0;
          weight = 1 / (1 + exp(-(importance + args.offset))) + args.epsilon;
        }
        merges = merges && s.window > 0 && done[row] + t > 0;
        if (s.window > 0) check(decided[token] == (merges ? 1.0f : 0.0f), "decision");
        if (!merges) held.items.clear(), held.omegas.clear();
        held.items.push_back(item), held.omegas.push_back(s.window > 0 ? weight : 1);
        const size_t reach = s.window <= 1 ? held.items.size() : static_cast<size_t>(s.window);
        std::vector<double> mean(2 * D, 0.0);
        double total = 0;
        for (size_t m = held.items.size() > reach ? held.items.size() - reach : 0; m < held.items.size(); m++) {
          total += held.omegas[m];
          for (int i = 0; i < 2 * D; i++) mean[i] += held.omegas[m] * held.items[m][i];
        }
        for (double& x : mean) x /= total;
        const float *c = cos.data() + (row * T + t) * half, *z = sin.data() + (row * T + t) * half;
        const std::vector<double> key = turned({mean.begin(), mean.begin() + D}, c, z, half, blank);
        std::copy(key.begin(), key.end(), mean.begin());
        if (!merges || held.entries.empty()) held.entries.push_back({});
        held.entries.back() = {mean, done[row] + t, s.columns ? until[token] : 0x7fffffff};
        states.push_back(mean);
        atToken.push_back(held.entries.size() - 1);
        if (s.window > 0) {
          for (int part = 0; part < 2; part++) {
            const std::vector<float> wanted(mean.begin() + part * D, mean.begin() + (part + 1) * D);
            checkClose("own state", own.data() + token * 2 * dims + part * dims, wanted.data(), D, 3e-6);
          }
        }
      }
      const int length = static_cast<int>(held.entries.size());
      check(lengths[lane] == length, "lane %d has %d entries, expected %d", lane, lengths[lane], length);
      std::vector<std::vector<double>> stored;
      for (int slot = 0; slot < length && slot < lengths[lane]; slot++) {
        const unsigned char* page = memory.data() + static_cast<size_t>(table[lane * capacity + slot / 16]) * layout.pageBytes;
        const std::vector<float> entry = storedEntry(layout, page, slot % 16);
        stored.push_back({});
        for (int part = 0; part < 2; part++) {
          const std::vector<float> wanted(held.entries[slot].numbers.begin() + part * D, held.entries[slot].numbers.begin() + (part + 1) * D);
          checkClose("entry", entry.data() + part * dims, wanted.data(), D, codecError(s.codec));
          for (int i = 0; i < D; i++) stored.back().push_back(entry[part * dims + i]);
        }
      }
      std::vector<float> expectedMass(slotsWanted, 0.0f);
      for (int g = 0; g < s.group; g++) {
        for (int t = 0; t < T; t++) {
          const size_t query = (static_cast<size_t>(lane) * s.group + g) * T + t;
          std::vector<double> scores, result(D, 0.0);
          std::vector<const double*> seen;
          std::vector<size_t> seenSlots;
          const int position = done[row] + t;
          for (size_t slot = 0; t < chunk[row] && slot <= atToken[t]; slot++) {
            const Entry& entry = held.entries[slot];
            // of entries that a later token of the chunk changed, only closed states were ever seen by others
            const bool isOwn = s.window > 0 && slot == atToken[t];
            const int at = slot < static_cast<size_t>(length) && !isOwn ? entry.position : position;
            const bool hidden = !isOwn && s.columns && (position - at >= attend.window || position >= entry.until || (at >= attend.sinks && position - at >= attend.recent));
            if (hidden) continue;
            seen.push_back(isOwn ? states[t].data() : stored[slot].data());
            seenSlots.push_back(isOwn ? SIZE_MAX : slot);
            double score = 0;
            for (int d = 0; d < D; d++) score += static_cast<double>(qOut[query * D + d]) * seen.back()[d];
            scores.push_back(score * attend.scale);
          }
          double peak = -1e300, total = 0;
          for (double score : scores) peak = fmax(peak, score);
          for (double score : scores) total += exp(score - peak);
          for (size_t i = 0; i < scores.size(); i++) {
            if (t >= chunk[row] - massQueries && seenSlots[i] != SIZE_MAX) expectedMass[seenSlots[i]] += static_cast<float>(exp(scores[i] - peak) / total / s.group);
            for (int d = 0; d < D; d++) result[d] += exp(scores[i] - peak) / total * seen[i][D + d];
          }
          for (int d = 0; d < D; d++) check(fabs(out[query * D + d] - result[d]) < (s.exact ? 3e-6 : 3e-5), "%s lane %d token %d: %g, expected %g", name, lane, t, static_cast<double>(out[query * D + d]), result[d]);
          for (int d = 0; t < chunk[row] && d < D; d++) check(turnedAgain[query * D + d] == qOut[query * D + d], "queries turned alone");
          if (!scores.empty()) check(fabs(lse[query] - (peak + log(total))) < 1e-4, "%s lse", name);
        }
      }
      checkClose("mass of a chunk", mass.data() + lane * slotsWanted, expectedMass.data(), slotsWanted, 2e-4);
    }
    for (int row = 0; row < rows; row++) done[row] += chunk[row];
    check(failures[0] == 0, "failures");
  }
}

KVFOLD_TEST(cacheChunks) {
  uint64_t seed = 1;
  for (EntryCodec codec : {EntryCodec::f32, EntryCodec::bf16, EntryCodec::int8}) {
    for (bool exact : {false, true}) {
      run({codec, 32, 0, 2, false, false, exact}, seed++);
      run({codec, 20, 0, 1, true, false, exact}, seed++);
      run({codec, 64, 12, 3, false, true, exact}, seed++);
      run({codec, 16, 4, 1, false, false, exact}, seed++);
      run({codec, 64, 1, 1, false, false, exact}, seed++);
    }
  }
  for (bool exact : {false, true}) run({EntryCodec::bf16, 256, 12, 1, false, false, exact}, seed++);
}

KVFOLD_TEST(cacheChunkWithoutPages) {
  const EntryLayout layout = entryLayout(EntryCodec::f32, 32, 16, 0, -1, -1, 0);
  Array<unsigned char> memory(layout.pageBytes * 3);
  Array<int> table(6), lengths(2, 0), freePages(3), freeCount(1, 3), failures(1, 0), counts(1, 20), positions(1, 0), slots(40), from(42), old(2);
  for (int i = 0; i < 3; i++) freePages[i] = i;
  CacheChunkArgs args = {};
  args.counts = counts.address(), args.positions = positions.address(), args.slots = slots.address(), args.from = from.address(), args.oldLengths = old.address();
  args.pool = {freePages.address(), freeCount.address(), failures.address(), 0};
  args.store = {memory.address(), table.address(), lengths.address(), 0, 3, 2, layout};
  args.rowCount = 1, args.tokens = 20, args.group = 1;
  launch("kvfold_append_chunk_plan", args, 2, chunkPlanThreads);
  check(lengths[0] == 20 && lengths[1] == 0 && failures[0] == 1 && freeCount[0] == 1, "only the first lane has its pages");
  check(slots[0] == 0 && slots[19] == 19 && slots[20] == -1 && slots[39] == -1, "slots");
}

}  // namespace
