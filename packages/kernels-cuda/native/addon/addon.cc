// The N-API module: joins the tables of entry points. A new area of entry points adds its table here.
#include "entry-point.h"

namespace kvfold {

extern const EntryTable driverEntries;
extern const EntryTable engineEntries;
extern const EntryTable memoryEntries;
extern const EntryTable graphEntries;
extern const EntryTable planEntries;
extern const EntryTable blasEntries;

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
  kvfold::define(env, exports, kvfold::driverEntries);
  kvfold::define(env, exports, kvfold::engineEntries);
  kvfold::define(env, exports, kvfold::memoryEntries);
  kvfold::define(env, exports, kvfold::graphEntries);
  kvfold::define(env, exports, kvfold::planEntries);
  kvfold::define(env, exports, kvfold::blasEntries);
  return exports;
}
