// Memory of the stores: pages of equal size, cut from slabs, counted and given back one by one. The pools belong to the
// process, one for each page size, so that all caches, layers and forks share what is free. A lane's pages lie one behind the
// other where that is possible, because memory is read faster so: a lane that starts, or cannot go on, gets a page in front
// of free ones, unless too much memory would lie idle for that.
#pragma once
#include <atomic>
#include <cstdint>

namespace kvfold {

struct PagePool;

/** Bytes at the end of each page that the pool needs for itself. */
constexpr int64_t pageTrailerBytes = 16;

/** The pool of pages with room for `payload` bytes; null when the system has no memory. Any thread. */
PagePool* pagePool(int64_t payload);

/** Bytes that a page of this pool takes, trailer and rounding included. */
int64_t pageBytes(const PagePool& pool);

/**
 * A page with one holder, 64-byte aligned or, where that would waste much, 32-byte aligned; not cleared; null when the system has no memory. Any thread.
 *
 * @param before the page behind which it should lie; null: none
 */
uint8_t* takePage(PagePool& pool, const uint8_t* before = nullptr);

/** One more holder. */
void holdPage(const PagePool& pool, uint8_t* page);

/** One holder less; the last one frees the page at once. Any thread. */
void letGoOfPage(PagePool& pool, uint8_t* page);

/** Whether somebody else holds the page too: then it must not be written. */
bool pageIsShared(const PagePool& pool, const uint8_t* page);

struct PageFigures {
  /** Pages in use, of all sizes. */
  int64_t pages;
  /** Their bytes. */
  int64_t bytes;
};

/** What all stores of the process hold now. */
PageFigures pageFigures();

}  // namespace kvfold
