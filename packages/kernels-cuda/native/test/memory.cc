#include "check.h"

namespace kvfold::test {

void* allocate(size_t bytes) {
  // no rounding: the address sanitizer should note the first byte behind the end
  void* memory = nullptr;
  return posix_memalign(&memory, 128, bytes) == 0 ? memory : nullptr;
}

void release(void* memory) { free(memory); }

}  // namespace kvfold::test
