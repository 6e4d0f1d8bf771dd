// The choice of kernels, made once for the process.
#pragma once
#include "../kernels/kernel-table.h"
#include "cpu-features.h"

namespace kvfold {

/** Kernels of the chosen instruction set; by default the best one. */
const KernelTable& kernels();

InstructionSet chosenInstructionSet();

/** Takes the kernels of `set` from now on, in all threads. False, and no change, when this machine cannot run it. */
bool chooseInstructionSet(InstructionSet set);

/** Kernels of one set, for tests and benchmarks; null when this machine cannot run it. */
const KernelTable* kernelsOf(InstructionSet set);

}  // namespace kvfold
