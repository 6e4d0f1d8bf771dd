#include "page-pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "../system/memory-pool.h"

namespace kvfold {
namespace {

/** Slabs of at least this size lie on huge pages. */
constexpr int64_t slabTarget = int64_t{1} << 21;
/** Bytes that a lane is to have in a row. */
constexpr int64_t runTarget = int64_t{1} << 17;
/** Memory that may lie idle so that lanes have it in a row, beside an eighth of what is used. */
constexpr int64_t idleAllowance = int64_t{1} << 25;

struct Slab {
  PagePool* pool;
  uint8_t* memory;
  /** Neighbours in the list of slabs with free pages. */
  Slab* previous;
  Slab* next;
  int32_t freePages;
  /** Runs of which all pages are free. */
  int32_t freeRuns;
  /** Free pages of each run, then one byte a page: 1 for a free one. */
  uint8_t* runFree;
  uint8_t* isFree;
};

struct Trailer {
  std::atomic<int32_t> holders;
  int32_t index;
  Slab* slab;
};
static_assert(sizeof(Trailer) == pageTrailerBytes, "payloads are sized for this trailer");

}  // namespace

struct PagePool {
  PagePool* next;
  int64_t bytes;
  int32_t perSlab;
  int32_t perRun;
  Slab* withFree;
  int64_t used;
  int64_t idle;
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

int32_t runsOf(const PagePool& pool) { return (pool.perSlab + pool.perRun - 1) / pool.perRun; }

int32_t runLength(const PagePool& pool, int32_t run) {
  const int32_t left = pool.perSlab - run * pool.perRun;
  return left < pool.perRun ? left : pool.perRun;
}

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

Slab* newSlab(PagePool& pool) {
  const int32_t runs = runsOf(pool);
  Slab* slab = static_cast<Slab*>(malloc(sizeof(Slab) + static_cast<size_t>(runs + pool.perSlab)));
  if (slab == nullptr) return nullptr;
  uint8_t* memory = static_cast<uint8_t*>(poolTake(slabBytes(pool)));
  if (memory == nullptr) {
    free(slab);
    return nullptr;
  }
  uint8_t* marks = reinterpret_cast<uint8_t*>(slab + 1);
  *slab = {&pool, memory, nullptr, nullptr, pool.perSlab, runs, marks, marks + runs};
  for (int32_t run = 0; run < runs; run++) slab->runFree[run] = static_cast<uint8_t>(runLength(pool, run));
  memset(slab->isFree, 1, static_cast<size_t>(pool.perSlab));
  pool.idle += pool.perSlab;
  link(pool, slab);
  return slab;
}

uint8_t* takeFrom(PagePool& pool, Slab* slab, int32_t index) {
  const int32_t run = index / pool.perRun;
  if (slab->runFree[run] == runLength(pool, run)) slab->freeRuns--;
  slab->runFree[run]--;
  slab->isFree[index] = 0;
  if (--slab->freePages == 0) unlink(pool, slab);
  pool.used++;
  pool.idle--;
  uint8_t* page = slab->memory + pool.bytes * index;
  Trailer& trailer = trailerOf(pool, page);
  trailer.holders.store(1, std::memory_order_relaxed);
  trailer.index = index;
  trailer.slab = slab;
  return page;
}

/** A page in front of a free run; null when no slab has one. */
uint8_t* takeRun(PagePool& pool) {
  for (Slab* slab = pool.withFree; slab != nullptr; slab = slab->next) {
    for (int32_t run = 0; slab->freeRuns > 0; run++) {
      if (slab->runFree[run] == runLength(pool, run)) return takeFrom(pool, slab, run * pool.perRun);
    }
  }
  return nullptr;
}

/** Any free page, of a run that is begun if there is one. */
uint8_t* takeAny(PagePool& pool) {
  Slab* slab = pool.withFree;
  int32_t run = 0;
  for (int32_t i = 0; i < runsOf(pool); i++) {
    const int32_t free = slab->runFree[i], best = slab->runFree[run];
    if (free > 0 && (best == 0 || free < best)) run = i;
  }
  int32_t index = run * pool.perRun;
  while (slab->isFree[index] == 0) index++;
  return takeFrom(pool, slab, index);
}

}  // namespace

PagePool* pagePool(int64_t payload) {
  // whole cache lines, unless half of one is more than a hundredth of the page
  const int64_t needed = payload + pageTrailerBytes, halves = (needed + 31) / 32 * 32, lines = (needed + 63) / 64 * 64;
  const int64_t bytes = lines - halves > needed / 100 ? halves : lines;
  const Locked locked;
  for (PagePool* pool = pools; pool != nullptr; pool = pool->next) {
    if (pool->bytes == bytes) return pool;
  }
  PagePool* pool = static_cast<PagePool*>(malloc(sizeof(PagePool)));
  if (pool == nullptr) return nullptr;
  const int64_t perSlab = bytes >= slabTarget ? 1 : slabTarget / bytes;
  const int64_t perRun = bytes >= runTarget ? 1 : runTarget / bytes;
  *pool = {pools, bytes, static_cast<int32_t>(perSlab), static_cast<int32_t>(perRun < 128 ? perRun : 128), nullptr, 0, 0};
  pools = pool;
  return pool;
}

int64_t pageBytes(const PagePool& pool) { return pool.bytes; }

uint8_t* takePage(PagePool& pool, const uint8_t* before) {
  const Locked locked;
  if (before != nullptr) {
    const Trailer& trailer = trailerOf(pool, before);
    const int32_t index = trailer.index + 1;
    if (index < pool.perSlab && trailer.slab->isFree[index] != 0) return takeFrom(pool, trailer.slab, index);
  }
  uint8_t* page = takeRun(pool);
  if (page != nullptr) return page;
  const bool mayGrow = pool.idle * pool.bytes <= idleAllowance + pool.used * pool.bytes / 8;
  if (mayGrow || pool.idle == 0) {
    Slab* slab = newSlab(pool);
    if (slab != nullptr) return takeFrom(pool, slab, 0);
  }
  return pool.idle == 0 ? nullptr : takeAny(pool);
}

void holdPage(const PagePool& pool, uint8_t* page) {
  trailerOf(pool, page).holders.fetch_add(1, std::memory_order_relaxed);
}

void letGoOfPage(PagePool& pool, uint8_t* page) {
  const Trailer& trailer = trailerOf(pool, page);
  if (trailerOf(pool, page).holders.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
  Slab* slab = trailer.slab;
  const int32_t index = trailer.index, run = index / pool.perRun;
  const Locked locked;
  slab->isFree[index] = 1;
  slab->runFree[run]++;
  if (slab->runFree[run] == runLength(pool, run)) slab->freeRuns++;
  if (slab->freePages++ == 0) link(pool, slab);
  pool.used--;
  pool.idle++;
  if (slab->freePages < pool.perSlab) return;
  unlink(pool, slab);
  pool.idle -= pool.perSlab;
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
