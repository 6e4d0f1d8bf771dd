#include "cpu-features.h"

#include <sched.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace kvfold {

const char* instructionSetName(InstructionSet set) {
  switch (set) {
    case InstructionSet::scalar: return "scalar";
    case InstructionSet::avx2: return "avx2";
    case InstructionSet::avx512: return "avx512";
    case InstructionSet::avx512vnni: return "avx512vnni";
    case InstructionSet::amx: return "amx";
    case InstructionSet::neon: return "neon";
  }
  return "unknown";
}

#if defined(__x86_64__)
namespace {

struct Leaf {
  unsigned a = 0, b = 0, c = 0, d = 0;
};

Leaf leaf(unsigned number, unsigned sub) {
  Leaf found;
  __get_cpuid_count(number, sub, &found.a, &found.b, &found.c, &found.d);
  return found;
}

bool bit(unsigned word, int index) { return (word >> index) & 1; }

/** Register state that the operating system saves: bit 1 SSE, 2 AVX, 5-7 AVX-512, 17-18 AMX. */
unsigned long long savedState() {
  unsigned low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<unsigned long long>(high) << 32) | low;
}

/** Linux gives a process the tile registers only when it asks; threads made later inherit the permission. */
bool askForTiles() {
#if defined(__linux__) && defined(SYS_arch_prctl)
  constexpr int requestPermission = 0x1023;
  constexpr int tileData = 18;
  return syscall(SYS_arch_prctl, requestPermission, tileData) == 0;
#else
  return false;
#endif
}

struct Found {
  bool avx2 = false, avx512 = false, vnni = false, amx = false;
};

Found detect() {
  Found found;
  const Leaf one = leaf(1, 0);
  if (!bit(one.c, 27)) return found;  // OSXSAVE: xgetbv exists
  const unsigned long long state = savedState();
  const Leaf seven = leaf(7, 0);
  const Leaf sevenOne = leaf(7, 1);
  const bool avxSaved = (state & 0x6) == 0x6;
  found.avx2 = avxSaved && bit(one.c, 28) && bit(one.c, 12) && bit(one.c, 29) && bit(seven.b, 5);
  const bool avx512Saved = (state & 0xe6) == 0xe6;
  found.avx512 = found.avx2 && avx512Saved && bit(seven.b, 16) && bit(seven.b, 17) && bit(seven.b, 30) && bit(seven.b, 31);
  found.vnni = found.avx512 && bit(seven.c, 11);
  const bool tilesSaved = (state & 0x60000) == 0x60000;
  found.amx = found.vnni && tilesSaved && bit(seven.d, 22) && bit(seven.d, 24) && bit(seven.d, 25) &&
              bit(sevenOne.a, 5) && askForTiles();
  return found;
}

const Found found = detect();

}  // namespace

bool supports(InstructionSet set) {
  switch (set) {
    case InstructionSet::scalar: return true;
    case InstructionSet::avx2: return found.avx2;
    case InstructionSet::avx512: return found.avx512;
    case InstructionSet::avx512vnni: return found.vnni;
    case InstructionSet::amx: return found.amx;
    case InstructionSet::neon: return false;
  }
  return false;
}
#elif defined(__aarch64__)
bool supports(InstructionSet set) { return set == InstructionSet::scalar || set == InstructionSet::neon; }
#else
bool supports(InstructionSet set) { return set == InstructionSet::scalar; }
#endif

InstructionSet bestInstructionSet() {
  InstructionSet best = InstructionSet::scalar;
  for (int i = 0; i < instructionSetCount; i++) {
    const InstructionSet set = static_cast<InstructionSet>(i);
    if (supports(set)) best = set;
  }
  return best;
}

namespace {

/** The lowest-numbered processor that shares a core with `cpu`; `cpu` itself when the system does not say. */
int firstSibling(int cpu) {
  char path[96];
  snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
  FILE* file = fopen(path, "r");
  if (file == nullptr) return cpu;
  char line[32] = "";
  const char* read = fgets(line, sizeof line, file);
  fclose(file);
  if (read == nullptr || line[0] < '0' || line[0] > '9') return cpu;
  int first = 0;
  for (const char* c = line; *c >= '0' && *c <= '9'; c++) first = first * 10 + (*c - '0');
  return first;
}

}  // namespace

int availableCores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
  cpu_set_t cores;
  CPU_ZERO(&cores);
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    const int core = firstSibling(cpu);
    CPU_SET(core >= 0 && core < CPU_SETSIZE ? core : cpu, &cores);
  }
  const int count = CPU_COUNT(&cores);
  return count < 1 ? 1 : count;
}

}  // namespace kvfold
