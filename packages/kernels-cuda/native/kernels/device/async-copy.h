// Copies from global to shared memory that go on beside the work of a thread.
#pragma once
#include "platform.h"

namespace kvfold {

#if defined(__CUDACC__)
KVFOLD_DEVICE uint32_t sharedAddress(const void* p) { return static_cast<uint32_t>(__cvta_generic_to_shared(p)); }
#endif

/** Starts a copy of 16 bytes, or 16 zeros where `wanted` is false; both sides aligned to 16. Past the first cache. */
KVFOLD_DEVICE void copyAsync16(void* to, const void* from, bool wanted = true) {
#if defined(__CUDACC__)
  const int bytes = wanted ? 16 : 0;
  asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(sharedAddress(to)), "l"(from), "r"(bytes)
               : "memory");
#else
  emulator::copyLater(to, from, wanted ? 16 : 0, 16);
#endif
}

/** Ends a group of copies, which may be empty. */
KVFOLD_DEVICE void commitCopies() {
#if defined(__CUDACC__)
  asm volatile("cp.async.commit_group;" ::: "memory");
#else
  emulator::commitCopies();
#endif
}

/** Waits for this thread's groups except the newest `left`; other threads see the data after a barrier. */
template <int left>
KVFOLD_DEVICE void waitForCopies() {
#if defined(__CUDACC__)
  asm volatile("cp.async.wait_group %0;" ::"n"(left) : "memory");
#else
  emulator::waitForCopies(left);
#endif
}

}  // namespace kvfold
