#include "engine.h"

#include <cstdlib>
#include <cstring>

namespace kvfold {

namespace {

Failure openStaging(Engine& engine) {
  Failure failure;
  Staging& staging = engine.staging;
  void* memory = nullptr;
  KVFOLD_TRY(failure, engine, hostAlloc, &memory, Staging::pieces * Staging::pieceBytes, 0);
  staging.memory = static_cast<char*>(memory);
  for (cuda::Event& sent : staging.sent) {
    KVFOLD_TRY(failure, engine, eventCreate, &sent, cuda::eventDisableTiming | cuda::eventBlockingSync);
  }
  return failure;
}

/** Notes the first failure, and goes on: giving back does not stop half way. */
void note(Failure& failure, const char* call, cuda::Result result) {
  if (result != cuda::success && !failure.failed()) failure = {call, result};
}

}  // namespace

Failure enter(const Engine& engine) {
  Failure failure;
  KVFOLD_TRY(failure, engine, contextSet, engine.context);
  return failure;
}

Failure openEngine(Engine& engine, int ordinal) {
  Failure failure;
  KVFOLD_TRY(failure, engine, deviceGet, &engine.device, ordinal);
  KVFOLD_TRY(failure, engine, contextRetain, &engine.context, engine.device);
  engine.retained = !failure.failed();
  KVFOLD_TRY(failure, engine, contextSet, engine.context);
  KVFOLD_TRY(failure, engine, streamCreate, &engine.stream, cuda::streamNonBlocking);
  if (!failure.failed()) failure = openStaging(engine);
  if (failure.failed()) disposeEngine(engine);
  return failure;
}

Failure disposeEngine(Engine& engine) {
  Failure failure;
  if (engine.disposed) return failure;
  engine.disposed = true;
  if (!engine.retained) return failure;
  const cuda::Driver& driver = *engine.driver;
  note(failure, "contextSet", driver.contextSet(engine.context));
  if (engine.recording) {
    cuda::Graph graph = nullptr;
    if (driver.captureEnd(engine.stream, &graph) == cuda::success && graph != nullptr) driver.graphDestroy(graph);
  }
  if (engine.stream != nullptr) note(failure, "streamSynchronize", driver.streamSynchronize(engine.stream));
  while (cuda::GraphExec graph = engine.graphs.takeAny()) note(failure, "graphExecDestroy", driver.graphExecDestroy(graph));
  while (blas::Plan* plan = engine.blasPlans.takeAny()) {
    blas::destroyPlan(*engine.blas, *plan);
    free(plan);
  }
  if (engine.blasHandle != nullptr) engine.blas->Destroy(engine.blasHandle);
  engine.blasHandle = nullptr;
  while (cuda::Event event = engine.events.takeAny()) note(failure, "eventDestroy", driver.eventDestroy(event));
  for (cuda::Event& sent : engine.staging.sent) {
    if (sent != nullptr) note(failure, "eventDestroy", driver.eventDestroy(sent));
    sent = nullptr;
  }
  if (engine.staging.memory != nullptr) note(failure, "hostFree", driver.hostFree(engine.staging.memory));
  engine.staging.memory = nullptr;
  while (cuda::Module module = engine.modules.takeAny()) note(failure, "moduleUnload", driver.moduleUnload(module));
  if (engine.stream != nullptr) note(failure, "streamDestroy", driver.streamDestroy(engine.stream));
  engine.stream = nullptr;
  note(failure, "contextRelease", driver.contextRelease(engine.device));
  engine.retained = false;
  return failure;
}

Failure upload(Engine& engine, cuda::Address to, const void* from, size_t bytes) {
  Failure failure;
  Staging& staging = engine.staging;
  const char* source = static_cast<const char*>(from);
  while (bytes > 0 && !failure.failed()) {
    const size_t now = bytes < Staging::pieceBytes ? bytes : Staging::pieceBytes;
    const int piece = staging.next;
    staging.next = (piece + 1) % Staging::pieces;
    char* through = staging.memory + static_cast<size_t>(piece) * Staging::pieceBytes;
    KVFOLD_TRY(failure, engine, eventSynchronize, staging.sent[piece]); // at once when nothing was sent yet
    if (failure.failed()) break;
    memcpy(through, source, now);
    KVFOLD_TRY(failure, engine, copyToDevice, to, through, now, engine.stream);
    KVFOLD_TRY(failure, engine, eventRecord, staging.sent[piece], engine.stream);
    source += now;
    to += now;
    bytes -= now;
  }
  return failure;
}

Failure download(Engine& engine, void* to, cuda::Address from, size_t bytes) {
  Failure failure;
  KVFOLD_TRY(failure, engine, copyToHost, to, from, bytes, engine.stream);
  KVFOLD_TRY(failure, engine, streamSynchronize, engine.stream);
  return failure;
}

}  // namespace kvfold
