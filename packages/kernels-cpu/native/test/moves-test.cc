// Strided copies against plain loops over all places.
#include "../move/strided-copy.h"
#include "../system/thread-pool.h"
#include "check.h"

namespace kvfold::test {
namespace {

/** Copies a tensor of these sizes with its dimensions in another order, and compares. */
template <class T>
void testOrder(const int64_t (&sizes)[3], const int (&order)[3]) {
  const int64_t own[] = {sizes[1] * sizes[2], sizes[2], 1};
  Steps steps;
  steps.rank = 3;
  for (int i = 0; i < 3; i++) steps.sizes[i] = sizes[order[i]], steps.x[i] = own[order[i]];
  steps.y[2] = 1, steps.y[1] = steps.sizes[2], steps.y[0] = steps.sizes[1] * steps.sizes[2];
  const int64_t count = sizes[0] * sizes[1] * sizes[2];
  const Exactly<T> x(count), y(count);
  for (int64_t i = 0; i < count; i++) x[i] = static_cast<T>(i * 7 + 1), y[i] = 0;
  stridedCopy(sizeof(T), reinterpret_cast<const uint8_t*>(x.data()), reinterpret_cast<uint8_t*>(y.data()), steps);
  bool equal = true;
  for (int64_t i = 0; i < count; i++) equal = equal && y[i] == x[placesAt(steps, 3, i).x];
  check(equal, "order %d %d %d of [%d, %d, %d], %d bytes", order[0], order[1], order[2], static_cast<int>(sizes[0]),
        static_cast<int>(sizes[1]), static_cast<int>(sizes[2]), static_cast<int>(sizeof(T)));
}

/** A row repeated into every second row of a matrix. */
void testRepetition() {
  Steps steps;
  steps.rank = 2;
  steps.sizes[0] = 3, steps.sizes[1] = 5;
  steps.x[0] = 0, steps.x[1] = 1;
  steps.y[0] = 10, steps.y[1] = 1;
  const Exactly<uint32_t> x(5), y(25);
  for (int64_t i = 0; i < 5; i++) x[i] = static_cast<uint32_t>(i + 1);
  for (int64_t i = 0; i < 25; i++) y[i] = 99;
  stridedCopy(4, reinterpret_cast<const uint8_t*>(x.data()), reinterpret_cast<uint8_t*>(y.data()), steps);
  bool equal = true;
  for (int64_t i = 0; i < 25; i++) equal = equal && y[i] == (i / 5 % 2 == 0 ? x[i % 5] : 99);
  check(equal, "a row is repeated and what lies between is left alone");
}

}  // namespace

void testMoves() {
  const int64_t shapes[][3] = {{1, 1, 1}, {2, 3, 5}, {17, 1, 33}, {3, 40, 19}, {16, 16, 16}, {1, 300, 130}, {0, 4, 4}};
  const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
  for (const auto& sizes : shapes) {
    for (const auto& order : orders) {
      testOrder<uint32_t>(sizes, order);
      testOrder<uint8_t>(sizes, order);
    }
  }
  testRepetition();
}

}  // namespace kvfold::test
