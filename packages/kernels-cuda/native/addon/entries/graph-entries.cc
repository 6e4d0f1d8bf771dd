// Recorded work, and events that tell the time.
#include "../entry-point.h"
#include "../napi-args.h"

namespace kvfold {

namespace {

/** captureBegin(engine): what follows on the stream is recorded and not run. */
napi_value CaptureBegin(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Engine* engine = args.engine(0);
  if (!args.ok()) return nullptr;
  Failure failure;
  KVFOLD_TRY(failure, *engine, captureBegin, engine->stream, cuda::captureRelaxed);
  engine->recording = !failure.failed();
  args.check(failure);
  return nullptr;
}

/** captureEnd(engine, keep): the number of the recorded graph; undefined when it is not to be kept. */
napi_value CaptureEnd(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Engine* engine = args.engine(0);
  const bool keep = args.number(1) != 0;
  if (!args.ok()) return nullptr;
  Failure failure;
  cuda::Graph graph = nullptr;
  cuda::GraphExec exec = nullptr;
  KVFOLD_TRY(failure, *engine, captureEnd, engine->stream, &graph);
  engine->recording = failure.failed();
  if (keep) KVFOLD_TRY(failure, *engine, graphInstantiate, &exec, graph, 0);
  if (graph != nullptr) {
    const cuda::Result destroyed = engine->driver->graphDestroy(graph);
    if (!failure.failed() && destroyed != cuda::success) failure = {"graphDestroy", destroyed};
  }
  args.check(failure);
  if (!args.ok() || !keep) return nullptr;
  return toNumber(env, static_cast<double>(engine->graphs.add(exec)));
}

/** graphLaunch(engine, graph): runs recorded work again. */
napi_value GraphLaunch(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Engine* engine = args.engine(0);
  const int64_t place = args.size(1);
  if (!args.ok()) return nullptr;
  cuda::GraphExec exec = engine->graphs.at(place);
  args.require(exec != nullptr, "there is no such graph");
  if (!args.ok()) return nullptr;
  Failure failure;
  KVFOLD_TRY(failure, *engine, graphLaunch, exec, engine->stream);
  args.check(failure);
  return nullptr;
}

/** graphDispose(engine, graph) */
napi_value GraphDispose(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Engine* engine = args.engine(0);
  const int64_t place = args.size(1);
  if (!args.ok()) return nullptr;
  cuda::GraphExec exec = engine->graphs.take(place);
  args.require(exec != nullptr, "there is no such graph");
  if (!args.ok()) return nullptr;
  Failure failure;
  KVFOLD_TRY(failure, *engine, graphExecDestroy, exec);
  args.check(failure);
  return nullptr;
}

/** eventRecord(engine): the number of an event that marks this place of the stream. */
napi_value EventRecord(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Engine* engine = args.engine(0);
  if (!args.ok()) return nullptr;
  Failure failure;
  cuda::Event event = nullptr;
  KVFOLD_TRY(failure, *engine, eventCreate, &event, cuda::eventBlockingSync);
  KVFOLD_TRY(failure, *engine, eventRecord, event, engine->stream);
  if (failure.failed() && event != nullptr) engine->driver->eventDestroy(event);
  args.check(failure);
  return args.ok() ? toNumber(env, static_cast<double>(engine->events.add(event))) : nullptr;
}

/** eventsElapsed(engine, start, end): milliseconds between two events, both of which are gone afterwards. */
napi_value EventsElapsed(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Engine* engine = args.engine(0);
  const int64_t startPlace = args.size(1);
  const int64_t endPlace = args.size(2);
  if (!args.ok()) return nullptr;
  args.require(startPlace != endPlace && engine->events.at(startPlace) != nullptr && engine->events.at(endPlace) != nullptr,
               "there are no two such events");
  if (!args.ok()) return nullptr;
  const cuda::Event start = engine->events.take(startPlace);
  const cuda::Event end = engine->events.take(endPlace);
  Failure failure;
  float milliseconds = 0;
  KVFOLD_TRY(failure, *engine, eventSynchronize, end);
  KVFOLD_TRY(failure, *engine, eventElapsed, &milliseconds, start, end);
  engine->driver->eventDestroy(start);
  engine->driver->eventDestroy(end);
  args.check(failure);
  return args.ok() ? toNumber(env, static_cast<double>(milliseconds)) : nullptr;
}

constexpr EntryPoint entries[] = {{"captureBegin", CaptureBegin}, {"captureEnd", CaptureEnd},
                                  {"graphLaunch", GraphLaunch},   {"graphDispose", GraphDispose},
                                  {"eventRecord", EventRecord},   {"eventsElapsed", EventsElapsed}};

}  // namespace

extern const EntryTable graphEntries;
const EntryTable graphEntries = entryTable(entries);

}  // namespace kvfold
