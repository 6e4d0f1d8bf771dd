// The N-API module: joins the tables of entry points. A new area of entry points adds its table here.
#include "entry-point.h"

namespace kvfold {

extern const EntryTable systemEntries;
extern const EntryTable matrixEntries;
extern const EntryTable decoderEntries;
extern const EntryTable recordingEntries;
extern const EntryTable storeEntries;
extern const EntryTable storeStepEntries;
extern const EntryTable dmcEntries;
extern const EntryTable elementwiseEntries;
extern const EntryTable moveEntries;
extern const EntryTable rowEntries;
extern const EntryTable trainingEntries;

namespace {

void define(napi_env env, napi_value exports, const EntryTable& table) {
  for (int i = 0; i < table.count; i++) {
    const EntryPoint& entry = table.entries[i];
    napi_value function;
    if (napi_create_function(env, entry.name, NAPI_AUTO_LENGTH, entry.call, nullptr, &function) == napi_ok) {
      napi_set_named_property(env, exports, entry.name, function);
    }
  }
}

}  // namespace
}  // namespace kvfold

NAPI_MODULE_INIT() {
  kvfold::define(env, exports, kvfold::systemEntries);
  kvfold::define(env, exports, kvfold::matrixEntries);
  kvfold::define(env, exports, kvfold::decoderEntries);
  kvfold::define(env, exports, kvfold::recordingEntries);
  kvfold::define(env, exports, kvfold::storeEntries);
  kvfold::define(env, exports, kvfold::storeStepEntries);
  kvfold::define(env, exports, kvfold::dmcEntries);
  kvfold::define(env, exports, kvfold::elementwiseEntries);
  kvfold::define(env, exports, kvfold::moveEntries);
  kvfold::define(env, exports, kvfold::rowEntries);
  kvfold::define(env, exports, kvfold::trainingEntries);
  return exports;
}
