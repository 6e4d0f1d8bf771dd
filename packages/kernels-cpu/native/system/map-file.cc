#include "map-file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace kvfold {

MappedFile mapFile(const char* path) {
  MappedFile mapped;
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    mapped.error = errno;
    return mapped;
  }
  const off_t length = lseek(file, 0, SEEK_END);
  if (length < 0) {
    mapped.error = errno;
  } else if (length > 0) {
    // Private and writable: JavaScript may write to any array it holds, and that must not end the process.
    void* base = mmap(nullptr, static_cast<size_t>(length), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file, 0);
    if (base == MAP_FAILED) {
      mapped.error = errno;
    } else {
      madvise(base, static_cast<size_t>(length), MADV_WILLNEED);
      mapped.base = base;
      mapped.length = length;
    }
  }
  close(file);
  return mapped;
}

void unmapFile(void* base, int64_t length) { munmap(base, static_cast<size_t>(length)); }

}  // namespace kvfold
