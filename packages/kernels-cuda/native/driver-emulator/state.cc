#include "state.h"

#include <cstdlib>
#include <cstring>

#include "calls.h"
#include "memory.h"

namespace kvfold::driver_emulator {

State& state() {
  static State& only = *new State();
  return only;
}

cuda::Result begin(const char* symbol, bool needsContext) {
  State& s = state();
  s.calls++;
  const auto wanted = s.injections.find(symbol);
  if (wanted != s.injections.end() && wanted->second.skip-- == 0) {
    const cuda::Result result = wanted->second.result;
    s.injections.erase(wanted);
    // errors of kernels stay, but for one that was too large to start
    if (result == 700 || (result > 701 && result < 720)) s.sticky = result;
    return result;
  }
  if (s.sticky != cuda::success) return s.sticky;
  if (needsContext && !s.initialized) return problem(3, std::string(symbol) + " before cuInit");
  if (needsContext && s.contextUses == 0) return problem(201, std::string(symbol) + " without a context");
  return cuda::success;
}

cuda::Result problem(cuda::Result result, const std::string& what) {
  state().problems.push_back(what);
  return result;
}

cuda::Result drain() {
  State& s = state();
  for (cuda::Stream stream : s.streams) {
    std::vector<Work> now;
    now.swap(stream->waiting);
    for (Work& work : now) {
      if (s.sticky == cuda::success) work();
    }
  }
  return s.sticky;
}

cuda::Result enqueue(cuda::Stream stream, Work work) {
  if (state().streams.count(stream) == 0) return problem(400, "work on a stream that does not live");
  if (stream->recording != nullptr) stream->recording->work.push_back(std::move(work));
  else stream->waiting.push_back(std::move(work));
  return cuda::success;
}

bool inMemory(cuda::Address address, size_t bytes) {
  State& s = state();
  auto after = s.memory.upper_bound(address);
  if (after == s.memory.begin()) return false;
  const auto& [start, allocation] = *--after;
  return address - start <= allocation.bytes && bytes <= allocation.bytes - (address - start);
}

void reset() {
  State& s = state();
  for (const auto& [address, allocation] : s.memory) free(allocation.block);
  for (const auto& [pointer, bytes] : s.pinned) free(pointer);
  for (cuda::Stream stream : s.streams) delete stream;
  for (cuda::Event event : s.events) delete event;
  for (cuda::Module module : s.modules) delete module;
  for (cuda::Function function : s.functions) delete function;
  for (cuda::Graph graph : s.graphs) delete graph;
  for (cuda::GraphExec exec : s.execs) delete exec;
  s.version = 13000;
  s.devices = 1;
  s.memoryBytes = size_t{1} << 30;
  s.initResult = s.sticky = cuda::success;
  s.initialized = false;
  s.injections.clear();
  s.memory.clear();
  s.pinned.clear();
  s.streams.clear();
  s.events.clear();
  s.modules.clear();
  s.functions.clear();
  s.graphs.clear();
  s.execs.clear();
  s.problems.clear();
  s.contextUses = 0;
  s.usedBytes = 0;
  s.blasObjects.clear();
  s.launches = s.calls = s.products = 0;
}

std::string report() {
  State& s = state();
  for (const auto& [address, allocation] : s.memory) checkGuards(address, allocation);
  const auto field = [](const char* name, size_t value) { return std::string("\"") + name + "\":" + std::to_string(value) + ","; };
  std::string json = "{" + field("contexts", static_cast<size_t>(s.contextUses)) + field("allocations", s.memory.size()) +
                     field("usedBytes", s.usedBytes) + field("pinned", s.pinned.size()) + field("streams", s.streams.size()) +
                     field("events", s.events.size()) + field("modules", s.modules.size()) +
                     field("graphs", s.graphs.size() + s.execs.size()) + field("blasObjects", s.blasObjects.size()) +
                     field("products", static_cast<size_t>(s.products)) + field("launches", static_cast<size_t>(s.launches)) +
                     field("calls", static_cast<size_t>(s.calls)) + "\"problems\":[";
  for (size_t i = 0; i < s.problems.size(); i++) json += (i > 0 ? ",\"" : "\"") + s.problems[i] + "\"";
  return json + "]}";
}

}  // namespace kvfold::driver_emulator
