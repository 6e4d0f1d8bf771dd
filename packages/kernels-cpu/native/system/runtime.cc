#include "runtime.h"

#include <atomic>

namespace kvfold {

// Each is defined by kernels/kernel-table.cc, compiled for that set.
namespace scalar { extern const KernelTable kernelTable; }
#if defined(__x86_64__)
namespace avx2 { extern const KernelTable kernelTable; }
namespace avx512 { extern const KernelTable kernelTable; }
namespace avx512vnni { extern const KernelTable kernelTable; }
namespace amx { extern const KernelTable kernelTable; }
#elif defined(__aarch64__)
namespace neon { extern const KernelTable kernelTable; }
#endif

namespace {

std::atomic<int> chosen{-1};
std::atomic<const KernelTable*> current{nullptr};

}  // namespace

const KernelTable* kernelsOf(InstructionSet set) {
  if (!supports(set)) return nullptr;
  switch (set) {
    case InstructionSet::scalar: return &scalar::kernelTable;
#if defined(__x86_64__)
    case InstructionSet::avx2: return &avx2::kernelTable;
    case InstructionSet::avx512: return &avx512::kernelTable;
    case InstructionSet::avx512vnni: return &avx512vnni::kernelTable;
    case InstructionSet::amx: return &amx::kernelTable;
#elif defined(__aarch64__)
    case InstructionSet::neon: return &neon::kernelTable;
#endif
    default: return nullptr;
  }
}

InstructionSet chosenInstructionSet() {
  const int set = chosen.load(std::memory_order_acquire);
  return set < 0 ? bestInstructionSet() : static_cast<InstructionSet>(set);
}

bool chooseInstructionSet(InstructionSet set) {
  if (kernelsOf(set) == nullptr) return false;
  chosen.store(static_cast<int>(set), std::memory_order_release);
  current.store(kernelsOf(set), std::memory_order_release);
  return true;
}

const KernelTable& kernels() {
  const KernelTable* table = current.load(std::memory_order_acquire);
  if (table == nullptr) {
    chooseInstructionSet(bestInstructionSet());
    table = current.load(std::memory_order_acquire);
  }
  return *table;
}

}  // namespace kvfold
