#include <cstdio>

#include "../system/half-table.h"
#include "../system/map-file.h"
#include "../system/memory-pool.h"
#include "check.h"

namespace kvfold::test {
namespace {

void testPool() {
  const int64_t sizes[] = {0, 1, 63, 64, 65, 80, 1000, 4096, 4097, 1 << 20, 3 << 20};
  for (const int64_t size : sizes) {
    const int64_t bytes = poolClassBytes(size);
    check(bytes >= size && (size < 1024 || bytes <= size + size / 4 + 64), "class of %d bytes has %d", static_cast<int>(size),
          static_cast<int>(bytes));
    check(poolClassBytes(bytes) == bytes, "the class of a class's size is that class");
    void* memory = poolTake(size);
    check(memory != nullptr && reinterpret_cast<uintptr_t>(memory) % 64 == 0, "memory is aligned");
    memset(memory, 1, static_cast<size_t>(bytes));
    poolGive(memory, size);
    const int64_t asked = poolFigures().allocations;
    check(poolTake(size) == memory && poolFigures().allocations == asked, "memory is handed out again");
    poolGive(memory, size);
  }
  check(poolFigures().usedBytes == 0 && poolFigures().idleBytes > 0, "what was given back is idle");
  poolTrim();
  check(poolFigures().idleBytes == 0, "trimming leaves nothing idle");
  check(poolTake(int64_t{1} << 60) == nullptr, "more than there can be is refused");
}

void testMapping() {
  char path[] = "/tmp/kvfold-map-XXXXXX";
  const int file = mkstemp(path);
  FILE* stream = fdopen(file, "w");
  fputs("mapped", stream);
  fclose(stream);
  const MappedFile mapped = mapFile(path);
  check(mapped.error == 0 && mapped.length == 6 && memcmp(mapped.base, "mapped", 6) == 0, "a file is mapped");
  static_cast<char*>(mapped.base)[0] = 'M';
  unmapFile(mapped.base, mapped.length);
  const MappedFile again = mapFile(path);
  check(again.length == 6 && static_cast<char*>(again.base)[0] == 'm', "writes do not reach the file");
  unmapFile(again.base, again.length);
  remove(path);
  check(mapFile(path).error != 0, "an absent file gives a reason");
}

}  // namespace

void testSystem() {
  testPool();
  testMapping();
  check(halfTable[0x3c00] == 1 && halfTable[0xc000] == -2 && halfTable[0x0001] == 0x1p-24f && halfTable[0x7bff] == 65504 &&
            halfTable[0x7c00] > 1e38f && halfTable[0x7e00] != halfTable[0x7e00],
        "halves: one, negative, smallest, largest, infinity, NaN");
}

}  // namespace kvfold::test
