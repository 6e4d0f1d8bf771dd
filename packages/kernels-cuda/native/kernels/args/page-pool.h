// Free pages of one size, handed out on the device.
#pragma once
#include <cstdint>

namespace kvfold {

/**
 * A stack of free page ids. Kernels that take pages and kernels that give them back never run at once. The host keeps
 * enough of them free for a step; a kernel that finds none counts a failure, writes nothing and leaves the lane as it was.
 */
struct PagePool {
  uint64_t freePages;  // int32 [pages], ids; the first `freeCount` are free
  uint64_t freeCount;  // int32
  uint64_t failures;   // int32, how often no page was there
  uint64_t holders;    // int32 [pages], lanes and snapshots that hold each page; 0: pages are never shared
};

}  // namespace kvfold
