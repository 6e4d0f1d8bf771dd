// Streams, events and graphs of the emulated driver. Work waits until somebody waits for it, so that what is read too early
// shows.
#include <chrono>

#include "calls.h"

namespace kvfold::cuda {

using namespace driver_emulator;

Result cuStreamCreate(Stream* stream, unsigned flags) {
  KVFOLD_BEGIN(true);
  if (flags > 1) return problem(invalidValue, "a stream with unknown flags");
  s.streams.insert(*stream = new StreamBody());
  return success;
}

Result cuStreamDestroy_v2(Stream stream) {
  KVFOLD_BEGIN(true);
  drain();
  if (s.streams.erase(stream) == 0) return problem(400, "a stream destroyed that does not live");
  delete stream;
  return success;
}

Result cuStreamSynchronize(Stream stream) {
  KVFOLD_BEGIN(true);
  if (s.streams.count(stream) == 0) return problem(400, "waiting for a stream that does not live");
  if (stream->recording != nullptr) return problem(900, "waiting for a stream that records");
  return drain();
}

Result cuStreamBeginCapture_v2(Stream stream, int mode) {
  KVFOLD_BEGIN(true);
  if (s.streams.count(stream) == 0) return problem(400, "recording on a stream that does not live");
  if (mode < 0 || mode > 2) return problem(invalidValue, "recording in an unknown mode");
  if (stream->recording != nullptr) return problem(901, "recording begins while another one is under way");
  s.graphs.insert(stream->recording = new GraphBody());
  return success;
}

Result cuStreamEndCapture(Stream stream, Graph* graph) {
  KVFOLD_BEGIN(true);
  if (s.streams.count(stream) == 0) return problem(400, "recording ends on a stream that does not live");
  if (stream->recording == nullptr) return problem(901, "no recording is under way");
  *graph = stream->recording;
  stream->recording = nullptr;
  return success;
}

Result cuGraphInstantiateWithFlags(GraphExec* exec, Graph graph, unsigned long long flags) {
  KVFOLD_BEGIN(true);
  if (s.graphs.count(graph) == 0) return problem(400, "a graph that does not live is instantiated");
  if (flags != 0) return problem(invalidValue, "a graph with unknown flags");
  s.execs.insert(*exec = new GraphExecBody{graph->work});
  return success;
}

Result cuGraphDestroy(Graph graph) {
  KVFOLD_BEGIN(true);
  if (s.graphs.erase(graph) == 0) return problem(400, "a graph destroyed that does not live");
  delete graph;
  return success;
}

Result cuGraphLaunch(GraphExec exec, Stream stream) {
  KVFOLD_BEGIN(true);
  if (s.execs.count(exec) == 0) return problem(400, "a graph that does not live is launched");
  for (const Work& work : exec->work) {
    if (const Result result = enqueue(stream, work); result != success) return result;
  }
  return success;
}

Result cuGraphExecDestroy(GraphExec exec) {
  KVFOLD_BEGIN(true);
  drain();
  if (s.execs.erase(exec) == 0) return problem(400, "an executable graph destroyed that does not live");
  delete exec;
  return success;
}

Result cuEventCreate(Event* event, unsigned flags) {
  KVFOLD_BEGIN(true);
  if (flags > 3) return problem(invalidValue, "an event with unknown flags");
  s.events.insert(*event = new EventBody{(flags & eventDisableTiming) == 0});
  return success;
}

Result cuEventDestroy_v2(Event event) {
  KVFOLD_BEGIN(true);
  drain();
  if (s.events.erase(event) == 0) return problem(400, "an event destroyed that does not live");
  delete event;
  return success;
}

Result cuEventRecord(Event event, Stream stream) {
  KVFOLD_BEGIN(true);
  if (s.events.count(event) == 0) return problem(400, "an event recorded that does not live");
  return enqueue(stream, [event] {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    event->milliseconds = std::chrono::duration<double, std::milli>(now).count();
  });
}

Result cuEventSynchronize(Event event) {
  KVFOLD_BEGIN(true);
  if (s.events.count(event) == 0) return problem(400, "waiting for an event that does not live");
  for (Stream stream : s.streams) {
    if (stream->recording != nullptr) return problem(900, "waiting for an event while a stream records");
  }
  return drain();
}

Result cuEventElapsedTime(float* milliseconds, Event start, Event end) {
  KVFOLD_BEGIN(true);
  if (s.events.count(start) == 0 || s.events.count(end) == 0) return problem(400, "the time between events that do not live");
  if (!start->timed || !end->timed) return problem(400, "the time between events that do not tell it");
  if (start->milliseconds < 0 || end->milliseconds < 0) return notReady;
  *milliseconds = static_cast<float>(end->milliseconds - start->milliseconds);
  return success;
}

}  // namespace kvfold::cuda
