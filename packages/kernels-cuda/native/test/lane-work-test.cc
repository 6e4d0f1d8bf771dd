// Choosing, moving, sharing and reading entries of lanes, against plain loops.
#include <algorithm>

#include "../kernels/args/lane-work.h"
#include "lanes.h"
#include "stored-entry.h"

namespace {

using namespace kvfold;
using namespace kvfold::test;

LanesOptions manyLanes(EntryCodec codec) {
  LanesOptions options;
  options.codec = codec;
  options.headDim = 20;
  options.kvHeads = 2;
  options.lengths = {37, 5, 0, 64, 16, 33};
  options.columns = true;
  return options;
}

/** What stays of the lanes of a call, by sorting. */
std::vector<std::vector<int>> staying(DropRule rule, const std::vector<int>& lengths, int kvHeads, const Array<float>& scores, int slots,
                                      const int* keep, int from, float threshold) {
  std::vector<std::vector<int>> stay(lengths.size());
  struct Ranked {
    float score;
    int slot, lane;
  };
  const auto scoreOf = [&](int lane, int slot) {
    const float score = slot < slots ? scores[lane * slots + slot] : 0;
    return score == score ? score : -INFINITY;
  };
  const int group = rule == DropRule::lowestOfRow ? kvHeads : 1;
  for (int lane = 0; lane < static_cast<int>(lengths.size()); lane += group) {
    std::vector<Ranked> all;
    for (int l = lane; l < lane + group; l++) {
      for (int slot = 0; slot < lengths[l]; slot++) all.push_back({scoreOf(l, slot), slot, l});
    }
    const int kept = keep[lane / kvHeads];
    if (rule == DropRule::range) {
      all.erase(std::remove_if(all.begin(), all.end(), [&](const Ranked& e) { return e.slot >= from && e.slot < lengths[lane] - kept; }), all.end());
    } else if (rule == DropRule::below) {
      all.erase(std::remove_if(all.begin(), all.end(), [&](const Ranked& e) { return !((e.slot < slots ? scores[lane * slots + e.slot] : 0) >= threshold); }), all.end());
    } else {
      std::sort(all.begin(), all.end(), [](const Ranked& a, const Ranked& b) {
        return a.score != b.score ? a.score > b.score : a.slot != b.slot ? a.slot < b.slot : a.lane < b.lane;
      });
      all.resize(std::min<size_t>(all.size(), static_cast<size_t>(kept) * group));
    }
    for (const Ranked& e : all) stay[e.lane].push_back(e.slot);
    for (int l = lane; l < lane + group; l++) std::sort(stay[l].begin(), stay[l].end());
  }
  return stay;
}

KVFOLD_TEST(dropSelect) {
  const std::vector<int> lengths = {37, 5, 0, 64, 300, 33};
  const int slots = 290, lanes = 6, kvHeads = 2;
  Array<int> lengthArray(lanes), keep(3), order(lanes * 300), newLengths(lanes);
  Array<float> scores(lanes * slots);
  Numbers numbers(4);
  for (int i = 0; i < lanes; i++) lengthArray[i] = lengths[i];
  for (int round = 0; round < 12; round++) {
    numbers.fill(scores, 3);
    // many equal scores, zeros of both signs, and no numbers
    for (size_t i = 0; i < scores.count(); i++) scores[i] = round % 2 == 0 ? roundf(scores[i]) : scores[i];
    if (round == 3) scores[4 * slots + 7] = NAN;
    for (int row = 0; row < 3; row++) keep[row] = static_cast<int>(numbers.below(round < 4 ? 12 : 120));
    const DropRule rule = static_cast<DropRule>(round % 4);
    const bool whole = round >= 8 && rule != DropRule::below;
    Array<int> ints(scores.count());
    for (size_t i = 0; i < scores.count(); i++) {
      if (whole) scores[i] = roundf(scores[i]);
      ints[i] = scores[i] == scores[i] ? static_cast<int>(scores[i]) : 0;
    }
    const DropSelectArgs args = {lengthArray.address(), 0, whole ? 0 : scores.address(), ints.address(), keep.address(), order.address(), newLengths.address(), kvHeads, slots, 300, static_cast<int>(rule), 3, 0.5f};
    launch("kvfold_drop_select", args, rule == DropRule::lowestOfRow ? 3 : lanes, dropSelectThreads);
    const auto expected = staying(rule, lengths, kvHeads, scores, slots, keep.data(), 3, 0.5f);
    for (int lane = 0; lane < lanes; lane++) {
      check(newLengths[lane] == static_cast<int>(expected[lane].size()), "rule %d: lane %d keeps %d, expected %zu", static_cast<int>(rule), lane, newLengths[lane], expected[lane].size());
      for (int i = 0; i < newLengths[lane] && i < static_cast<int>(expected[lane].size()); i++) {
        check(order[lane * 300 + i] == expected[lane][i], "rule %d: lane %d entry %d", static_cast<int>(rule), lane, i);
      }
    }
  }
}

KVFOLD_TEST(laneMoves) {
  for (EntryCodec codec : {EntryCodec::f32, EntryCodec::bf16, EntryCodec::int8}) {
    const LanesOptions options = manyLanes(codec);
    const Lanes lanes(options, 3);
    const EntryLayout& layout = lanes.layout();
    const int rows[2] = {2, 0}, count = 4, slots = 40, D = options.headDim;
    const int orders[4][3] = {{15, 3, 7}, {32, 0, 0}, {36, 1, 1}, {4, 2, 3}}, newCounts[4] = {3, 1, 2, 3};
    // entries go to other pages, in a new order
    Array<unsigned char> memory(static_cast<size_t>(layout.pageBytes) * 8);
    Array<int> rowList(2), order(count * 3), newLengths(count), table(count * 3), lengths(count), freePages(8), freeCount(1, 8), failures(1, 0), holders(8, 0);
    for (int i = 0; i < 8; i++) freePages[i] = 7 - i;
    for (int i = 0; i < 2; i++) rowList[i] = rows[i];
    for (int lane = 0; lane < count; lane++) {
      newLengths[lane] = newCounts[lane];
      for (int i = 0; i < 3; i++) order[lane * 3 + i] = orders[lane][i];
    }
    const PagePool pool = {freePages.address(), freeCount.address(), failures.address(), holders.address()};
    LaneMoveArgs args = {rowList.address(), order.address(), newLengths.address(), pool, lanes.store(), {}, count, 3};
    args.to = args.from;
    args.to.pages = memory.address(), args.to.pageTable = table.address(), args.to.lengths = lengths.address(), args.to.pageCapacity = 3;
    launch("kvfold_lane_reserve", args, 1, 128);
    launch3("kvfold_lane_move", args, {{1, count, 1}, {256, 1, 1}, 0});
    check(freeCount[0] == 4 && failures[0] == 0, "%d pages left", freeCount[0]);

    Array<float> keys(count * slots * D), values(count * slots * D), entries(static_cast<size_t>(count) * slots * 2 * layout.dims);
    ReadEntriesArgs read = {0, entries.address(), keys.address(), values.address(), 0, 0, args.to, count, slots, 0, 0, -1, 0,
                            entryLayout(EntryCodec::f32, D, 16, 0, -1, -1, 0)};
    launch3("kvfold_read_entries", read, {{slots / 8, count, 1}, {256, 1, 1}, 0});
    Array<int> column(count * slots);
    launch3("kvfold_read_column", ColumnArgs{0, column.address(), args.to, slots, 1}, {{1, count, 1}, {256, 1, 1}, 0});
    for (int lane = 0; lane < count; lane++) {
      const int source = rows[lane / 2] * 2 + lane % 2;
      for (int slot = 0; slot < slots; slot++) {
        const bool real = slot < newCounts[lane];
        const int from = real ? orders[lane][slot] : 0;
        check(column[lane * slots + slot] == (real ? lanes.until(source, from) : 0), "column of lane %d slot %d", lane, slot);
        for (int d = 0; d < D; d++) {
          check(keys[(lane * slots + slot) * D + d] == (real ? lanes.keys(source)[from * D + d] : 0), "key of lane %d slot %d", lane, slot);
          check(values[(lane * slots + slot) * D + d] == (real ? lanes.values(source)[from * D + d] : 0), "value of lane %d slot %d", lane, slot);
        }
        if (real) check(entries[(static_cast<size_t>(lane) * slots + slot) * 2 * layout.dims + layout.dims] == lanes.values(source)[from * D], "entry");
      }
    }
    // plain numbers go in again: the pages' bytes come out the same
    Array<unsigned char> again(memory.count());
    const LaneStore other = {again.address(), args.to.pageTable, args.to.lengths, 0, 3, 2, layout};
    const WriteEntriesArgs write = {keys.address(), values.address(), other, count, slots};
    launch3("kvfold_write_entries", write, {{slots / 8, count, 1}, {256, 1, 1}, 0});
    launch3("kvfold_write_column", ColumnArgs{0, column.address(), other, slots, 1}, {{1, count, 1}, {256, 1, 1}, 0});
    for (int lane = 0; lane < count; lane++) {
      const size_t page = static_cast<size_t>(table[lane * 3]) * layout.pageBytes;
      for (int slot = 0; slot < newCounts[lane]; slot++) {
        const auto first = storedEntry(layout, memory.data() + page, slot), second = storedEntry(layout, again.data() + page, slot);
        for (size_t i = 0; i < first.size(); i++) check(fabs(first[i] - second[i]) <= 1e-6, "written again");
      }
      const size_t columnAt = page + layout.columnsOffset + 4 * layout.pageSlots;
      check(memcmp(memory.data() + columnAt, again.data() + columnAt, 4 * newCounts[lane]) == 0, "column written again");
    }

    // sharing: a second holder, a page of one's own before writing, and giving back
    Array<int> shared(1, 0), ownLane(1, 3), zero(count, 0);
    const int oldPage = table[9];
    launch("kvfold_lane_hold", LaneShareArgs{0, 0, pool, args.to, count}, 1, 128);
    launch("kvfold_lane_own_last", LaneShareArgs{ownLane.address(), 0, pool, args.to, 1}, 1, 128);
    check(table[9] != oldPage && holders[oldPage] == 1 && holders[table[9]] == 1 && freeCount[0] == 3, "a page of its own");
    check(memcmp(memory.data() + static_cast<size_t>(oldPage) * layout.pageBytes, memory.data() + static_cast<size_t>(table[9]) * layout.pageBytes, layout.pageBytes) == 0, "its bytes");
    launch("kvfold_lane_release", LaneShareArgs{0, zero.address(), pool, args.to, count}, 1, 256);
    check(freeCount[0] == 4 && lengths[0] == 0 && lengths[3] == 0, "only the page that nobody shares comes back: %d", freeCount[0]);
    for (int i = 0; i < 4; i++) check(holders[freePages[i]] == 0 && std::count(freePages.data(), freePages.data() + 4, freePages[i]) == 1, "free pages are free, once");
  }
}

KVFOLD_TEST(laneReleaseAndEnds) {
  LanesOptions options = manyLanes(EntryCodec::bf16);
  options.lengths.assign(600, 40);
  const Lanes lanes(options, 5);
  Array<int> freePages(2000), freeCount(1, 2), failures(1, 0), newLengths(600), until(600);
  for (int i = 0; i < 600; i++) newLengths[i] = i % 3 == 0 ? 17 : i % 3 == 1 ? 50 : 3, until[i] = i;
  const PagePool pool = {freePages.address(), freeCount.address(), failures.address(), 0};
  launch("kvfold_end_last", EndLastArgs{0, until.address(), lanes.store(), 600}, 5, 128);
  Array<int> column(600 * 40);
  launch3("kvfold_read_column", ColumnArgs{0, column.address(), lanes.store(), 40, 1}, {{1, 600, 1}, {256, 1, 1}, 0});
  for (int i = 0; i < 600; i++) check(column[i * 40 + 39] == i && column[i * 40 + 38] == lanes.until(i, 38), "end of lane %d", i);
  launch("kvfold_lane_release", LaneShareArgs{0, newLengths.address(), pool, lanes.store(), 600}, 1, 256);
  check(freeCount[0] == 2 + 200 * 1 + 200 * 2, "%d pages are free", freeCount[0]);
  std::vector<int> back(freePages.data() + 2, freePages.data() + freeCount[0]);
  std::sort(back.begin(), back.end());
  check(std::unique(back.begin(), back.end()) == back.end() && back.front() > 0, "every page comes back once");
  for (int i = 0; i < 600; i++) check(lanes.length(i) == (newLengths[i] < 40 ? newLengths[i] : 40), "length of lane %d", i);
}

KVFOLD_TEST(readRotated) {
  LanesOptions options = manyLanes(EntryCodec::int8);
  const Lanes lanes(options, 9);
  const int half = 8, positions = 100, slots = 64, dims = lanes.layout().dims, D = options.headDim;
  const EntryLayout view = entryLayout(EntryCodec::f32, D, 16, 3, 0, 2, 0);
  Array<float> cos(positions * half), sin(positions * half);
  Array<unsigned char> entries(static_cast<size_t>(6) * slots / 16 * view.pageBytes);
  for (int i = 0; i < positions * half; i++) cos[i] = cosf(static_cast<float>(i) * 0.37f), sin[i] = sinf(static_cast<float>(i) * 0.37f);
  for (int bySlot = 0; bySlot < 2; bySlot++) {
    const ReadEntriesArgs read = {0, entries.address(), 0, 0, cos.address(), sin.address(), lanes.store(), 6, slots, positions, half, D - 1, bySlot, view};
    launch3("kvfold_read_entries", read, {{slots / 8, 6, 1}, {256, 1, 1}, 0});
    for (int lane = 0; lane < 6; lane++) {
      for (int slot = 0; slot < lanes.length(lane); slot++) {
        const unsigned char* page = entries.data() + static_cast<size_t>(lane * slots + slot) / 16 * view.pageBytes;
        const float *key = lanes.keys(lane).data() + slot * D, *got = reinterpret_cast<const float*>(page) + slot % 16 * 2 * dims;
        const int* columns = reinterpret_cast<const int*>(page + view.columnsOffset) + slot % 16;
        check(columns[0] == lanes.position(lane, slot) && columns[16] == lanes.until(lane, slot) && columns[32] == noEnd, "columns");
        const int angle = (bySlot ? slot : lanes.position(lane, slot)) * half;
        for (int i = 0; i < half; i++) {
          check(fabs(got[i] - (key[i] * cos[angle + i] - key[i + half] * sin[angle + i])) < 1e-5, "lane %d slot %d channel %d", lane, slot, i);
          check(fabs(got[i + half] - (key[i + half] * cos[angle + i] + key[i] * sin[angle + i])) < 1e-5, "lane %d slot %d channel %d", lane, slot, i + half);
        }
        check(got[D - 1] == 0 && got[2 * half] == key[2 * half], "channels that do not turn");
      }
    }
  }
}

KVFOLD_TEST(overwritesOfAChunk) {
  LanesOptions options;
  options.headDim = 8, options.columns = true, options.lengths = {5, 24};
  const Lanes lanes(options, 6);
  // a lane of 3 with 2 tokens of 7 positions, and one of 20 with 4, whose second replaces what the first wrote
  const int T = 4, most = 30;
  const std::vector<int> wanted[2] = {{1, 9}, {4, 4, 20, -3}}, orders[2] = {{0, 3, 2, 4}, {23, 1, 2, 3, 21}};
  Array<int> counts(2), positions(2), old(2), slots(2 * T), order(2 * most), newLengths(2);
  counts[0] = 2, counts[1] = 4, positions[0] = 7, positions[1] = 50, old[0] = 3, old[1] = 20;
  for (int lane = 0; lane < 2; lane++) {
    for (size_t t = 0; t < wanted[lane].size(); t++) slots[lane * T + t] = wanted[lane][t];
  }
  LaneStore view = lanes.store();
  view.kvHeads = 1;
  launch("kvfold_overwrite_plan", OverwritePlanArgs{counts.address(), positions.address(), old.address(), slots.address(), order.address(), newLengths.address(), view, T, most}, 2, 128);
  check(newLengths[0] == 4 && newLengths[1] == 21, "lengths %d and %d", newLengths[0], newLengths[1]);
  for (int lane = 0; lane < 2; lane++) {
    for (size_t i = 0; i < orders[lane].size(); i++) check(order[lane * most + i] == orders[lane][i], "lane %d slot %zu holds %d", lane, i, order[lane * most + i]);
  }
  Array<int> ends(2 * 24);
  launch3("kvfold_read_column", ColumnArgs{0, ends.address(), view, 24, 1}, {{1, 2, 1}, {256, 1, 1}, 0});
  check(ends[1] == 7 && ends[0] == lanes.until(0, 0), "the first lane's second entry ends at 7, not %d", ends[1]);
  check(ends[24 + 4] == 50 && ends[24 + 20] == 51 && ends[24] == 53, "ends %d, %d, %d", ends[28], ends[44], ends[24]);
}

}  // namespace
