#include "page-pool.h"

#include <pthread.h>
#include <stdlib.h>

#include "../system/memory-pool.h"

namespace kvfold {

namespace {

struct Slab {
  PagePool* pool;
  /** Neighbours in the list of slabs that have free pages. */
  Slab* previous;
  Slab* next;
  uint8_t* memory;
  /** Pages that came back; each holds the link to the next. */
  uint8_t* free;
  int32_t freeCount;
  /** Pages that were never handed out start here. */
  int32_t fresh;
};

struct Trailer {
  std::atomic<int32_t> holders;
  int32_t unused;
  Slab* slab;
};
static_assert(sizeof(Trailer) == pageTrailerBytes, "payloads are sized for this trailer");

/** Slabs of at least this size lie on huge pages. */
constexpr int64_t slabTarget = int64_t{1} << 21;

}  // namespace

struct PagePool {
  PagePool* next;
  int64_t bytes;
  int32_t perSlab;
  Slab* withFree;
  int64_t used;
};

namespace {

pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
PagePool* pools = nullptr;

class Locked {
 public:
  Locked() { pthread_mutex_lock(&lock); }
  ~Locked() { pthread_mutex_unlock(&lock); }
};

Trailer& trailerOf(const PagePool& pool, const uint8_t* page) {
  return *reinterpret_cast<Trailer*>(const_cast<uint8_t*>(page) + pool.bytes - pageTrailerBytes);
}

int64_t slabBytes(const PagePool& pool) { return pool.bytes * pool.perSlab; }

void link(PagePool& pool, Slab* slab) {
  slab->previous = nullptr;
  slab->next = pool.withFree;
  if (slab->next != nullptr) slab->next->previous = slab;
  pool.withFree = slab;
}

void unlink(PagePool& pool, Slab* slab) {
  if (slab->previous != nullptr) slab->previous->next = slab->next;
  if (slab->next != nullptr) slab->next->previous = slab->previous;
  if (pool.withFree == slab) pool.withFree = slab->next;
}

bool isFull(const Slab& slab) { return slab.free == nullptr && slab.fresh == slab.pool->perSlab; }

Slab* newSlab(PagePool& pool) {
  Slab* slab = static_cast<Slab*>(malloc(sizeof(Slab)));
  if (slab == nullptr) return nullptr;
  uint8_t* memory = static_cast<uint8_t*>(poolTake(slabBytes(pool)));
  if (memory == nullptr) {
    free(slab);
    return nullptr;
  }
  *slab = {&pool, nullptr, nullptr, memory, nullptr, 0, 0};
  link(pool, slab);
  return slab;
}

}  // namespace

PagePool* pagePool(int64_t payload) {
  const int64_t bytes = (payload + pageTrailerBytes + 63) / 64 * 64;
  const Locked locked;
  for (PagePool* pool = pools; pool != nullptr; pool = pool->next) {
    if (pool->bytes == bytes) return pool;
  }
  PagePool* pool = static_cast<PagePool*>(malloc(sizeof(PagePool)));
  if (pool == nullptr) return nullptr;
  const int64_t perSlab = bytes >= slabTarget ? 1 : slabTarget / bytes;
  *pool = {pools, bytes, static_cast<int32_t>(perSlab), nullptr, 0};
  pools = pool;
  return pool;
}

int64_t pageBytes(const PagePool& pool) { return pool.bytes; }

uint8_t* takePage(PagePool& pool) {
  uint8_t* page;
  Slab* slab;
  {
    const Locked locked;
    slab = pool.withFree != nullptr ? pool.withFree : newSlab(pool);
    if (slab == nullptr) return nullptr;
    if (slab->free != nullptr) {
      page = slab->free;
      __builtin_memcpy(&slab->free, page, sizeof slab->free);
      slab->freeCount--;
    } else {
      page = slab->memory + pool.bytes * slab->fresh++;
    }
    if (isFull(*slab)) unlink(pool, slab);
    pool.used++;
  }
  Trailer& trailer = trailerOf(pool, page);
  trailer.slab = slab;
  trailer.holders.store(1, std::memory_order_relaxed);
  return page;
}

void holdPage(const PagePool& pool, uint8_t* page) {
  trailerOf(pool, page).holders.fetch_add(1, std::memory_order_relaxed);
}

void letGoOfPage(PagePool& pool, uint8_t* page) {
  Trailer& trailer = trailerOf(pool, page);
  if (trailer.holders.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
  Slab* slab = trailer.slab;
  const Locked locked;
  const bool wasFull = isFull(*slab);
  __builtin_memcpy(page, &slab->free, sizeof slab->free);
  slab->free = page;
  slab->freeCount++;
  pool.used--;
  if (wasFull) link(pool, slab);
  if (slab->freeCount < slab->fresh) return;
  unlink(pool, slab);
  poolGive(slab->memory, slabBytes(pool));
  free(slab);
}

bool pageIsShared(const PagePool& pool, const uint8_t* page) {
  return trailerOf(pool, page).holders.load(std::memory_order_acquire) > 1;
}

PageFigures pageFigures() {
  const Locked locked;
  PageFigures figures = {0, 0};
  for (const PagePool* pool = pools; pool != nullptr; pool = pool->next) {
    figures.pages += pool->used;
    figures.bytes += pool->used * pool->bytes;
  }
  return figures;
}

}  // namespace kvfold
