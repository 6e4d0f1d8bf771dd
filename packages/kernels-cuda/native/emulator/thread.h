// What a running thread of a kernel knows and may ask for; the shim gives it CUDA's names.
#pragma once
#include <cstddef>
#include <cstdint>

namespace kvfold::emulator {

struct Index {
  unsigned x, y, z;
};

/** Most bytes that a lane gives to an exchange. */
constexpr size_t mostExchanged = 64;

/** Values of the lanes of a warp. */
using Slots = unsigned char (*)[mostExchanged];

/** Work that the last lane to arrive does for all. */
using Collective = void (*)(Slots slots);

struct Thread {
  Index thread;
  Index block;
  Index blocks;
  Index threads;
  unsigned lane;
};

/** The thread that runs now. One launch runs at a time, so that this and shared memory need no storage of each system thread. */
extern Thread* self;

/** Waits for all threads of the block that have not ended. */
void syncBlock();

/** Like `syncBlock`, and the sum of `value` over the threads. */
int sumOverBlock(int value);

/**
 * Waits for the other lanes of the warp and gives what each of them brought, until the caller's next exchange. All lanes of
 * the warp that have not ended must come: masks of a part of a warp are not supported.
 */
Slots exchange(const void* value, size_t bytes, Collective collective = nullptr);

/** Lanes of the warp that have not ended. */
uint32_t liveLanes();

/** Dynamic shared memory of the block; filled with 0xff (NaN) at the block's start. */
unsigned char* dynamicShared();

/** A copy that lands when the thread waits for it; zeros behind `bytes` up to `size`. */
void copyLater(void* to, const void* from, unsigned bytes, unsigned size);
/** Ends a group of copies. */
void commitCopies();
/** Waits for all groups but the newest `left`. */
void waitForCopies(unsigned left);

}  // namespace kvfold::emulator
