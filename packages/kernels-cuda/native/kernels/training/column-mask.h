// Which keys a query sees, and which biases count.
#pragma once
#include "../device/platform.h"
#include "../math/fast-exp.h"

namespace kvfold {

struct ColumnMask {
  const int* starts;  // of the row; null: one document
  int tokens;
  int window;
  int biasDelay;

  KVFOLD_DEVICE int startOf(int query) const { return starts == nullptr || query >= tokens ? 0 : starts[query]; }
  KVFOLD_DEVICE bool sees(int query, int start, int key) const {
    return query < tokens && key <= query && query - key < window && key >= start;
  }
  KVFOLD_DEVICE bool isBiased(int query, int key) const { return query - key > biasDelay; }

  /** First key that any of the queries from `query` on may see: starts never fall along a row. */
  KVFOLD_DEVICE int firstKey(int query) const {
    const int start = startOf(query), near = query - window + 1;
    return start > near ? start : near > 0 ? near : 0;
  }
  /** The end of the queries that may see a key of [.., key]: before the first whose document starts behind it. */
  KVFOLD_DEVICE int lastQuery(int key) const {
    int low = key + 1 < tokens ? key + 1 : tokens, high = window < tokens - key ? key + window : tokens;
    while (starts != nullptr && low < high) {
      const int middle = (low + high) / 2;
      if (starts[middle] > key) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return high;
  }
  /** Whether queries [query, query + queries) all see all keys [key, key + keys) with their bias: no test is needed. */
  KVFOLD_DEVICE bool isOpen(int query, int queries, int key, int keys) const {
    const int last = query + queries - 1;
    return last < tokens && query - (key + keys - 1) > biasDelay && last - key < window && key >= startOf(last);
  }
};

/** A key's bias for scores in base 2; -infinity becomes a number that hides as well. */
KVFOLD_DEVICE float scoreBias(const float* bias, int key, int tokens) {
  return bias == nullptr || key >= tokens ? 0 : fmaxf(bias[key] * log2OfE, hiddenScore);
}

}  // namespace kvfold
