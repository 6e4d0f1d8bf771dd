#include "steps.h"

namespace kvfold {

Steps collapsed(const Steps& steps) {
  Steps out;
  for (int i = 0; i < steps.rank; i++) {
    if (steps.sizes[i] == 1) continue;
    const int last = out.rank - 1;
    const bool joins = last >= 0 && out.x[last] == steps.x[i] * steps.sizes[i] && out.y[last] == steps.y[i] * steps.sizes[i];
    const int at = joins ? last : out.rank++;
    out.sizes[at] = (joins ? out.sizes[at] : 1) * steps.sizes[i];
    out.x[at] = steps.x[i];
    out.y[at] = steps.y[i];
  }
  return out;
}

}  // namespace kvfold
