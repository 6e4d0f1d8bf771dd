// Which instruction sets this processor and operating system offer.
#pragma once

namespace kvfold {

/** Each set includes the ones before it on its architecture; kernels are compiled once for each. */
enum class InstructionSet { scalar, avx2, avx512, avx512vnni, amx, neon };

constexpr int instructionSetCount = 6;

/** Lower-case name, as in the `instructionSet` option. */
const char* instructionSetName(InstructionSet set);

/** True when this machine runs the set and this binary contains it. */
bool supports(InstructionSet set);

/** The fastest supported set. */
InstructionSet bestInstructionSet();

/** Processors that this process may run on; sibling threads of one core count once. */
int availableCores();

}  // namespace kvfold
