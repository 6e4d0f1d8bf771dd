// A stack of its own for each thread that waits.
#pragma once
#include <cstddef>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace kvfold::emulator {

/** Where a suspended run of code goes on. */
struct Context {
#if defined(__x86_64__)
  void* stackPointer;
#else
  ucontext_t registers;
#endif
};

/** Bytes of a fiber's stack; only pages that are touched take memory. Not a power of 2, so that tops lie in different sets of the cache. */
constexpr size_t stackBytes = 128 * 1024 + 5 * 64;

/** Makes a context that starts `body` (which never returns) on a stack. */
void prepare(Context& context, unsigned char* stack, void (*body)());

/** Leaves `from` and goes on with `to`. */
void change(Context& from, Context& to);

}  // namespace kvfold::emulator
