#include "dmc-pool.h"

#include "../system/flush-subnormals.h"
#include "../system/memory-pool.h"
#include "../system/runtime.h"
#include "../system/thread-pool.h"

namespace kvfold {
namespace {

DmcPoolTask laneOf(const DmcPoolTask& task, int64_t lane) {
  DmcPoolTask one = task;
  one.items += lane * task.tokens * task.dim;
  one.alpha += lane * task.tokens;
  one.omega += lane * task.tokens;
  return one;
}

/** Runs `work(task of a lane, lane, memory)` for every lane on all threads, each with `floats` to work in. */
template <class Work>
bool eachLane(const DmcPoolTask& task, int64_t lanes, int64_t floats, const Work& work) {
  bool ok = true;
  parallelFor(lanes, 1, [&](int64_t begin, int64_t end) {
    const FlushSubnormals flush;
    const Scratch memory(floats * static_cast<int64_t>(sizeof(float)));
    if (memory.ok()) {
      for (int64_t lane = begin; lane < end; lane++) work(laneOf(task, lane), lane, memory.as<float>());
    } else {
      __atomic_store_n(&ok, false, __ATOMIC_RELAXED);
    }
  });
  return ok;
}

}  // namespace

bool dmcPool(const DmcPoolTask& task, int64_t lanes, float* pooled, float* z) {
  return eachLane(task, lanes, dmcPoolMemory(task.tokens, task.window), [&](const DmcPoolTask& one, int64_t lane, float* memory) {
    kernels().dmcPool->pool(one, pooled + lane * task.tokens * task.dim, z + lane * task.tokens, memory);
  });
}

bool dmcPoolGradient(const DmcPoolTask& task, int64_t lanes, const DmcPoolPull& pull) {
  return eachLane(task, lanes, dmcPoolPullMemory(task.tokens, task.dim, task.window),
                  [&](const DmcPoolTask& one, int64_t lane, float* memory) {
                    const int64_t tokens = lane * task.tokens, numbers = tokens * task.dim;
                    kernels().dmcPool->pull(one,
                                            {pull.dPooled + numbers, pull.dZ + tokens, pull.dItems + numbers,
                                             pull.dAlpha + tokens, pull.dOmega + tokens},
                                            memory);
                  });
}

}  // namespace kvfold
