#include "strided-copy.h"

#include <cstring>

#include "../elementwise/parallel-work.h"

namespace kvfold {
namespace {

/** Nanoseconds for each element, one after the other or scattered. */
constexpr double copyCost = 0.15, scatterCost = 0.5;
/** Rows and columns of a block of a transposition: its lines of both sides stay in the first cache. */
constexpr int64_t block = 16;

/** Moves dimension `from` to the end. */
void moveToEnd(Steps& steps, int from) {
  for (int i = from; i + 1 < steps.rank; i++) {
    const Steps before = steps;
    steps.sizes[i] = before.sizes[i + 1], steps.sizes[i + 1] = before.sizes[i];
    steps.x[i] = before.x[i + 1], steps.x[i + 1] = before.x[i];
    steps.y[i] = before.y[i + 1], steps.y[i + 1] = before.y[i];
  }
}

/** The dimension along which an operand's elements are neighbours, or -1. */
int neighbours(const Steps& steps, const int64_t (&distances)[maximumRank]) {
  for (int i = 0; i < steps.rank; i++) {
    if (distances[i] == 1) return i;
  }
  return -1;
}

template <class T>
void copyRows(const T* x, T* y, const Steps& steps) {
  const int last = steps.rank - 1;
  const int64_t n = steps.sizes[last], xStep = steps.x[last], yStep = steps.y[last];
  const double cost = xStep <= 1 && yStep == 1 ? copyCost : scatterCost;
  const auto copy = [&](int64_t begin, int64_t end, Places at) {
    const T* from = x + at.x + begin * xStep;
    T* to = y + at.y + begin * yStep;
    if (xStep == 1 && yStep == 1) {
      memcpy(to, from, static_cast<size_t>(end - begin) * sizeof(T));
    } else if (xStep == 0 && yStep == 1) {
      for (int64_t i = 0; i < end - begin; i++) to[i] = *from;
    } else {
      for (int64_t i = 0; i < end - begin; i++) to[i * yStep] = from[i * xStep];
    }
  };
  if (steps.rank == 1) {
    return parallelWork(n, cost, [&](int64_t begin, int64_t end) { copy(begin, end, Places{}); });
  }
  parallelWork(steps.count() / n, 5 + cost * static_cast<double>(n), [&](int64_t begin, int64_t end) {
    Places at = placesAt(steps, last, begin);
    const int inner = last - 1;  // the dimension of the rows that follow each other
    int64_t turn = begin % steps.sizes[inner];
    for (int64_t row = begin; row < end; row++) {
      copy(0, n, at);
      at.x += steps.x[inner];
      at.y += steps.y[inner];
      if (++turn == steps.sizes[inner]) {
        turn = 0;
        at = placesAt(steps, last, row + 1);
      }
    }
  });
}

/** The last two dimensions are those of neighbours in y and in x. */
template <class T>
void transposeBlocks(const T* x, T* y, const Steps& steps) {
  const int outer = steps.rank - 2;
  const int64_t rows = steps.sizes[outer], columns = steps.sizes[outer + 1];
  const int64_t xStep = steps.x[outer], yStep = steps.y[outer + 1];
  const int64_t strips = (columns + block - 1) / block;
  parallelWork(steps.count() / (rows * columns) * strips, scatterCost * static_cast<double>(rows * block), [&](int64_t begin, int64_t end) {
    for (int64_t strip = begin; strip < end; strip++) {
      const Places at = placesAt(steps, outer, strip / strips);
      const int64_t first = strip % strips * block;
      const int64_t width = columns - first < block ? columns - first : block;
      const T* from = x + at.x + first;
      T* to = y + at.y + first * yStep;
      for (int64_t row = 0; row < rows; row += block) {
        const int64_t height = rows - row < block ? rows - row : block;
        for (int64_t c = 0; c < width; c++) {
          for (int64_t r = 0; r < height; r++) to[c * yStep + row + r] = from[(row + r) * xStep + c];
        }
      }
    }
  });
}

template <class T>
void copy(const uint8_t* x, uint8_t* y, const Steps& given) {
  Steps steps = collapsed(given);
  if (steps.count() == 0) return;
  const T* from = reinterpret_cast<const T*>(x);
  T* to = reinterpret_cast<T*>(y);
  if (steps.rank == 0) {
    *to = *from;
    return;
  }
  const int inX = neighbours(steps, steps.x), inY = neighbours(steps, steps.y);
  if (inX >= 0 && inY >= 0 && inX != inY) {
    moveToEnd(steps, inY);
    moveToEnd(steps, inX < inY ? inX : inX - 1);
    return transposeBlocks(from, to, steps);
  }
  if (inY >= 0) moveToEnd(steps, inY);
  copyRows(from, to, steps);
}

}  // namespace

void stridedCopy(int64_t elementBytes, const uint8_t* x, uint8_t* y, const Steps& steps) {
  if (elementBytes == 4) {
    copy<uint32_t>(x, y, steps);
  } else {
    copy<uint8_t>(x, y, steps);
  }
}

}  // namespace kvfold
