// Runs the kernels of this package on the CPU, so that their source is tested, byte for byte, on machines without a GPU.
// A kernel compiled with g++ registers itself by name; blocks run one after the other, the threads of a block as fibers.
#pragma once
#include <cstddef>
#include <cstdint>

namespace kvfold::emulator {

/** The body of one thread; `args` points at the kernel's argument struct. */
using Entry = void (*)(const void* args);

struct Kernel {
  Entry entry;
  /** Size of the argument struct. */
  size_t argsBytes;
};

struct Launch {
  unsigned grid[3];
  unsigned block[3];
  /** Dynamic shared memory of a block. */
  size_t sharedBytes;
};

/** The kernel of this name (`kvfold_...`), or null. */
const Kernel* lookup(const char* name);

/** Names of all kernels, and how many there are. */
const char* const* kernelNames(size_t& count);

/**
 * Runs all threads of a launch to their end.
 *
 * @returns null, or what is wrong with the kernel: threads that wait for each other for ever, a barrier that not all reach
 */
const char* run(Entry entry, const void* args, const Launch& launch);

/** Puts a kernel into the table; use `KVFOLD_KERNEL`. */
struct Registration {
  Registration(const char* name, Entry entry, size_t argsBytes);
};

}  // namespace kvfold::emulator
