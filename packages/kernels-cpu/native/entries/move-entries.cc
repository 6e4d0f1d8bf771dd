// Entry points that move elements without looking at them.
#include <cstring>

#include "../elementwise/parallel-work.h"
#include "../entry-point.h"
#include "../move/strided-copy.h"
#include "steps-args.h"

namespace kvfold {
namespace {

/** stridedCopy(x, xFirst, y, yFirst, plan, rank): the plan's distances are those of x and y, from elements xFirst and yFirst. */
napi_value StridedCopy(napi_env env, napi_callback_info info) {
  Args args(env, info);
  int64_t xBytes, yBytes;
  const Span<uint8_t> x = args.elements(0, xBytes);
  const int64_t xFirst = args.size(1);
  const Span<uint8_t> y = args.elements(2, yBytes);
  const int64_t yFirst = args.size(3);
  args.require(xBytes == yBytes, "elements must be of one size");
  const int64_t xLength = x.length / xBytes, yLength = y.length / yBytes;
  args.require(xFirst <= xLength && yFirst <= yLength, "the walk starts outside its arrays");
  const Steps steps = readSteps(args, 4, xLength - xFirst, yLength - yFirst);
  if (args.ok()) stridedCopy(xBytes, x.data + xFirst * xBytes, y.data + yFirst * yBytes, steps);
  return nullptr;
}

/**
 * gather(x, ids, out, batch, outer, axis, inner) -> the first id outside [0, axis), or undefined: x is
 * [batch, outer, axis, inner], ids [batch, n] and out [batch, outer, n, inner].
 */
napi_value Gather(napi_env env, napi_callback_info info) {
  Args args(env, info);
  int64_t xBytes, outBytes;
  const Span<uint8_t> x = args.elements(0, xBytes);
  const Span<int32_t> ids = args.ints(1);
  const Span<uint8_t> out = args.elements(2, outBytes);
  const int64_t batch = args.size(3), outer = args.size(4), axis = args.size(5), inner = args.size(6);
  constexpr int64_t limit = int64_t{1} << 20;
  args.require(xBytes == outBytes, "elements must be of one size");
  args.require(batch < limit && outer < limit * limit && inner < limit * limit, "sizes are out of range");
  if (!args.ok() || batch == 0 || ids.length == 0) return nullptr;
  const int64_t n = ids.length / batch;
  const double total = static_cast<double>(batch) * static_cast<double>(outer) * static_cast<double>(inner);
  args.require(total * static_cast<double>(axis) * static_cast<double>(xBytes) <= static_cast<double>(x.length) &&
                   total * static_cast<double>(n) * static_cast<double>(xBytes) <= static_cast<double>(out.length),
               "x or out does not fit its array");
  if (!args.ok()) return nullptr;
  for (int64_t i = 0; i < ids.length; i++) {
    if (ids.data[i] >= 0 && ids.data[i] < axis) continue;
    napi_value id;
    napi_create_int32(env, ids.data[i], &id);
    return id;
  }
  const int64_t bytes = inner * xBytes;
  if (bytes == 0) return nullptr;
  parallelWork(batch * outer * n, 5 + 0.05 * static_cast<double>(bytes), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const int64_t stack = row / n;
      const int32_t id = ids.data[stack / outer * n + row % n];
      memcpy(out.data + row * bytes, x.data + (stack * axis + id) * bytes, static_cast<size_t>(bytes));
    }
  });
  return nullptr;
}

const EntryPoint entries[] = {
    {"stridedCopy", StridedCopy},
    {"gather", Gather},
};

}  // namespace

extern const EntryTable moveEntries;
const EntryTable moveEntries = entryTable(entries);

}  // namespace kvfold
