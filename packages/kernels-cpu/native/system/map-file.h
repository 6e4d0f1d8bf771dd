// Maps a file into memory, so that weights are read by page when they are used and shared between processes.
#pragma once
#include <cstdint>

namespace kvfold {

struct MappedFile {
  void* base = nullptr;
  int64_t length = 0;
  /** `errno` of the step that failed; 0 when the file is mapped. */
  int error = 0;
};

/** Maps a whole file. Writes to the memory stay private to the process and never reach the file. */
MappedFile mapFile(const char* path);

void unmapFile(void* base, int64_t length);

}  // namespace kvfold
