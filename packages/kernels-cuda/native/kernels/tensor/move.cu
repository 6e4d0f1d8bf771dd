// Elements that change their place, their type, or are chosen.
#include "../args/cast.h"
#include "../args/select.h"
#include "../args/strided-copy.h"
#include "../device/range.h"

namespace kvfold {

template <class T>
KVFOLD_DEVICE void copyStrided(const StridedCopyArgs& args) {
  const T* x = at<const T>(args.x);
  T* out = at<T>(args.out);
  const uint64_t n = static_cast<uint64_t>(args.n);
  for (uint64_t i = firstOfThread(); i < n; i += threadsOfGrid()) {
    int64_t from, to;
    walk(static_cast<uint32_t>(i), args.rank, args.sizes, args.xSteps, args.outSteps, from, to);
    out[to] = x[from];
  }
}

template <class T>
KVFOLD_DEVICE void selectElements(const SelectArgs& args) {
  const uint8_t* condition = at<const uint8_t>(args.condition);
  const T* t = at<const T>(args.t);
  const T* e = at<const T>(args.e);
  T* out = at<T>(args.out);
  for (uint64_t i = firstOfThread(); i < args.n; i += threadsOfGrid()) {
    out[i] = condition[args.run == 1 ? i : i / args.run] != 0 ? t[i] : e[i];
  }
}

/** Toward zero, as the language of the host does it: what is no number gives 0, and what is too large wraps around. */
KVFOLD_DEVICE int32_t toInt(float x) {
  if (x >= -2147483648.0f && x < 2147483648.0f) return static_cast<int32_t>(x);
  if (x != x || x == INFINITY || x == -INFINITY) return 0;
  const double rest = fmod(trunc(static_cast<double>(x)), 4294967296.0);
  return static_cast<int32_t>(static_cast<uint32_t>(static_cast<int64_t>(rest)));
}
KVFOLD_DEVICE int32_t toInt(int32_t x) { return x; }
KVFOLD_DEVICE int32_t toInt(uint8_t x) { return x; }

template <class From>
KVFOLD_DEVICE void castFrom(const CastArgs& args) {
  const From* x = at<const From>(args.x);
  for (uint64_t i = firstOfThread(); i < args.n; i += threadsOfGrid()) {
    if (args.to == 0) at<float>(args.out)[i] = static_cast<float>(x[i]);
    else if (args.to == 1) at<int32_t>(args.out)[i] = toInt(x[i]);
    else at<uint8_t>(args.out)[i] = x[i] != static_cast<From>(0) ? 1 : 0;
  }
}

}  // namespace kvfold

using kvfold::CastArgs;
using kvfold::SelectArgs;
using kvfold::StridedCopyArgs;

extern "C" __global__ void __launch_bounds__(256) kvfold_strided_copy(const StridedCopyArgs args) {
  if (args.elementBytes == 4) kvfold::copyStrided<uint32_t>(args);
  else kvfold::copyStrided<uint8_t>(args);
}
KVFOLD_KERNEL(kvfold_strided_copy, StridedCopyArgs)

extern "C" __global__ void __launch_bounds__(256) kvfold_select(const SelectArgs args) {
  if (args.elementBytes == 4) kvfold::selectElements<uint32_t>(args);
  else kvfold::selectElements<uint8_t>(args);
}
KVFOLD_KERNEL(kvfold_select, SelectArgs)

extern "C" __global__ void __launch_bounds__(256) kvfold_cast(const CastArgs args) {
  if (args.from == 0) kvfold::castFrom<float>(args);
  else if (args.from == 1) kvfold::castFrom<int32_t>(args);
  else kvfold::castFrom<uint8_t>(args);
}
KVFOLD_KERNEL(kvfold_cast, CastArgs)
