#include "emulator.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstring>
#include <mutex>
#include <string>
#include <vector>

#include "fiber.h"
#include "thread.h"

namespace kvfold::emulator {

Thread* self = nullptr;

namespace {

constexpr unsigned warpSize = 32;
constexpr unsigned mostThreads = 1024;

struct Table {
  std::vector<Kernel> kernels;
  std::vector<const char*> names;
};

Table& table() {
  static Table all;
  return all;
}

enum class State : unsigned char { unstarted, ready, atBarrier, inWarp, ended };

struct Copy {
  void* to;
  const void* from;
  unsigned bytes;
  unsigned size;
};

struct RunningThread : Thread {
  Context context;
  std::vector<Copy> copies;
  /** Ends of the groups in `copies`. */
  std::vector<size_t> groups;
};

struct Warp {
  /** Two, so that a lane may bring its next value while others still read. */
  alignas(16) unsigned char slots[2][warpSize][mostExchanged];
  unsigned generation;
  unsigned arrived;
  unsigned alive;
};

/** The block that runs. */
class Block {
 public:
  const char* run(Entry entry, const void* args, const Launch& launch);

  void syncBlock();
  int sumOverBlock(int value);
  Slots exchange(const void* value, size_t bytes, Collective collective);
  uint32_t liveLanes() const;
  unsigned char* shared() { return sharedStart_; }
  RunningThread& current() { return threads_[current_]; }

 private:
  const char* runOne(const Launch& launch, Index block);
  void prepareThreads(const Launch& launch, Index block);
  void work();
  static void workFiber();
  void leave();
  void released(unsigned warp);
  void releaseBarrierIfDone();
  const char* stuck() const;

  Entry entry_ = nullptr;
  const void* args_ = nullptr;
  unsigned count_ = 0;
  unsigned started_ = 0;
  unsigned alive_ = 0;
  unsigned atBarrier_ = 0;
  int barrierSum_ = 0;
  int lastBarrierSum_ = 0;
  unsigned current_ = 0;
  Context scheduler_{};
  std::vector<RunningThread> threads_ = std::vector<RunningThread>(mostThreads);
  /** Of the threads, close together: they are looked through all the time. */
  State states_[mostThreads] = {};
  std::vector<Warp> warps_ = std::vector<Warp>(mostThreads / warpSize);
  /** One for each thread that had to wait, and one for those that did not. */
  unsigned char* stacks_ = nullptr;
  unsigned stacksUsed_ = 0;
  std::vector<unsigned char> shared_;
  unsigned char* sharedStart_ = nullptr;
};

Block* running = nullptr;

Index indexOf(unsigned flat, const unsigned (&size)[3]) {
  return {flat % size[0], flat / size[0] % size[1], flat / size[0] / size[1]};
}

void Block::prepareThreads(const Launch& launch, Index block) {
  count_ = launch.block[0] * launch.block[1] * launch.block[2];
  started_ = atBarrier_ = 0;
  alive_ = count_;
  for (unsigned t = 0; t < count_; t++) {
    RunningThread& thread = threads_[t];
    thread.thread = indexOf(t, launch.block);
    thread.block = block;
    thread.blocks = {launch.grid[0], launch.grid[1], launch.grid[2]};
    thread.threads = {launch.block[0], launch.block[1], launch.block[2]};
    thread.lane = t % warpSize;
    states_[t] = State::unstarted;
    thread.copies.clear();
    thread.groups.clear();
  }
  for (unsigned w = 0; w * warpSize < count_; w++) {
    warps_[w].generation = warps_[w].arrived = 0;
    warps_[w].alive = count_ - w * warpSize < warpSize ? count_ - w * warpSize : warpSize;
  }
  stacksUsed_ = 0;
}

/** Runs threads that nobody started yet, one after the other on one stack, until one of them has to wait. */
void Block::work() {
  while (started_ < count_) {
    current_ = started_++;
    states_[current_] = State::ready;
    self = &threads_[current_];
    entry_(args_);
    // the thread may have moved between waits; `current_` is right again whenever it runs
    states_[current_] = State::ended;
    alive_--;
    released(current_ / warpSize);
    releaseBarrierIfDone();
  }
}

void Block::workFiber() {
  running->work();
  running->leave();
  __builtin_unreachable();
}

/** Gives the stack back: nothing on it is needed again. */
void Block::leave() {
  Context gone;
  change(gone, scheduler_);
}

/** A lane of the warp ended: the others may have waited for it only. */
void Block::released(unsigned w) {
  Warp& warp = warps_[w];
  warp.alive--;
  if (warp.arrived == 0 || warp.arrived < warp.alive) return;
  warp.arrived = 0;
  warp.generation++;
  for (unsigned t = w * warpSize; t < count_ && t < (w + 1) * warpSize; t++) {
    if (states_[t] == State::inWarp) states_[t] = State::ready;
  }
}

void Block::releaseBarrierIfDone() {
  if (atBarrier_ == 0 || atBarrier_ < alive_) return;
  atBarrier_ = 0;
  lastBarrierSum_ = barrierSum_;
  barrierSum_ = 0;
  for (unsigned t = 0; t < count_; t++) {
    if (states_[t] == State::atBarrier) states_[t] = State::ready;
  }
}

int Block::sumOverBlock(int value) {
  const unsigned own = current_;
  barrierSum_ += value;
  atBarrier_++;
  states_[own] = State::atBarrier;
  releaseBarrierIfDone();
  if (states_[own] == State::atBarrier) change(threads_[own].context, scheduler_);
  return lastBarrierSum_;
}

void Block::syncBlock() { sumOverBlock(0); }

Slots Block::exchange(const void* value, size_t bytes, Collective collective) {
  const unsigned own = current_;
  RunningThread& thread = threads_[own];
  Warp& warp = warps_[own / warpSize];
  Slots slots = warp.slots[warp.generation & 1];
  memcpy(slots[thread.lane], value, bytes);
  if (++warp.arrived < warp.alive) {
    states_[own] = State::inWarp;
    change(thread.context, scheduler_);
    return slots;
  }
  if (collective != nullptr) collective(slots);
  warp.arrived = 0;
  warp.generation++;
  const unsigned first = own / warpSize * warpSize;
  for (unsigned t = first; t < count_ && t < first + warpSize; t++) {
    if (states_[t] == State::inWarp) states_[t] = State::ready;
  }
  return slots;
}

uint32_t Block::liveLanes() const {
  uint32_t lanes = 0;
  const unsigned first = current_ / warpSize * warpSize;
  for (unsigned t = first; t < count_ && t < first + warpSize; t++) {
    if (states_[t] != State::ended) lanes |= 1u << (t - first);
  }
  return lanes;
}

const char* Block::stuck() const {
  static std::string message;
  unsigned barrier = 0, warp = 0;
  for (unsigned t = 0; t < count_; t++) {
    barrier += states_[t] == State::atBarrier;
    warp += states_[t] == State::inWarp;
  }
  message = "threads wait for ever: " + std::to_string(barrier) + " at a block's barrier, " + std::to_string(warp) +
            " for other lanes of their warp, " + std::to_string(count_ - barrier - warp) + " have ended";
  return message.c_str();
}

const char* Block::runOne(const Launch& launch, Index block) {
  prepareThreads(launch, block);
  memset(sharedStart_, 0xff, launch.sharedBytes);
  while (alive_ > 0) {
    bool progress = false;
    for (unsigned t = 0; t < started_; t++) {
      if (states_[t] != State::ready) continue;
      progress = true;
      current_ = t;
      self = &threads_[t];
      change(scheduler_, threads_[t].context);
    }
    if (started_ < count_) {
      progress = true;
      Context fresh;
      prepare(fresh, stacks_ + size_t{stacksUsed_++} * stackBytes, workFiber);
      change(scheduler_, fresh);
    }
    if (!progress) return stuck();
  }
  return nullptr;
}

const char* Block::run(Entry entry, const void* args, const Launch& launch) {
  const size_t threads = size_t{launch.block[0]} * launch.block[1] * launch.block[2];
  if (threads == 0 || threads > mostThreads) return "a block has 1 to 1024 threads";
  if (stacks_ == nullptr) {
    void* memory = mmap(nullptr, mostThreads * stackBytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return "there is no memory for the stacks of the threads";
    stacks_ = static_cast<unsigned char*>(memory);
  }
  shared_.resize(launch.sharedBytes + 128);
  sharedStart_ = shared_.data() + (128 - reinterpret_cast<uintptr_t>(shared_.data()) % 128) % 128;
  entry_ = entry;
  args_ = args;
  for (unsigned z = 0; z < launch.grid[2]; z++) {
    for (unsigned y = 0; y < launch.grid[1]; y++) {
      for (unsigned x = 0; x < launch.grid[0]; x++) {
        const char* problem = runOne(launch, {x, y, z});
        if (problem != nullptr) return problem;
      }
    }
  }
  return nullptr;
}

}  // namespace

const Kernel* lookup(const char* name) {
  for (size_t i = 0; i < table().names.size(); i++) {
    if (strcmp(table().names[i], name) == 0) return &table().kernels[i];
  }
  return nullptr;
}

const char* const* kernelNames(size_t& count) {
  count = table().names.size();
  return table().names.data();
}

Registration::Registration(const char* name, Entry entry, size_t argsBytes) {
  table().kernels.push_back({entry, argsBytes});
  table().names.push_back(name);
}

const char* run(Entry entry, const void* args, const Launch& launch) {
  static std::mutex one;
  const std::lock_guard<std::mutex> lock(one);
  static Block block;
  running = &block;
  return block.run(entry, args, launch);
}

void syncBlock() { running->syncBlock(); }
int sumOverBlock(int value) { return running->sumOverBlock(value); }
Slots exchange(const void* value, size_t bytes, Collective collective) {
  return running->exchange(value, bytes, collective);
}
uint32_t liveLanes() { return running->liveLanes(); }
unsigned char* dynamicShared() { return running->shared(); }

void copyLater(void* to, const void* from, unsigned bytes, unsigned size) {
  running->current().copies.push_back({to, from, bytes, size});
}

void commitCopies() {
  RunningThread& thread = running->current();
  thread.groups.push_back(thread.copies.size());
}

void waitForCopies(unsigned left) {
  RunningThread& thread = running->current();
  if (thread.groups.size() <= left) return;
  const size_t landing = thread.groups.size() - left;
  const size_t end = thread.groups[landing - 1];
  for (size_t i = 0; i < end; i++) {
    const Copy& copy = thread.copies[i];
    memcpy(copy.to, copy.from, copy.bytes);
    memset(static_cast<unsigned char*>(copy.to) + copy.bytes, 0, copy.size - copy.bytes);
  }
  thread.copies.erase(thread.copies.begin(), thread.copies.begin() + static_cast<ptrdiff_t>(end));
  thread.groups.erase(thread.groups.begin(), thread.groups.begin() + static_cast<ptrdiff_t>(landing));
  for (size_t& group : thread.groups) group -= end;
}

}  // namespace kvfold::emulator
