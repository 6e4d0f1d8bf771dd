#include "driver.h"

#include <dlfcn.h>
#include <pthread.h>

#include <cstdio>
#include <cstring>

namespace kvfold::cuda {

namespace {

/** Libraries that were opened, of this process; real ones and emulators of tests. */
struct Opened {
  char path[512];
  Driver driver;
};
constexpr int maximumOpened = 8;
Opened opened[maximumOpened];
int openedCount = 0;
pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/** The table of a library's functions; the name of the first one that it lacks, or null. */
const char* resolve(void* library, Driver& driver) {
#define KVFOLD_DRIVER_RESOLVE(name, symbol, parameters)                              \
  driver.name = reinterpret_cast<decltype(driver.name)>(dlsym(library, #symbol));    \
  if (driver.name == nullptr) return #symbol;
  KVFOLD_DRIVER_CALLS(KVFOLD_DRIVER_RESOLVE)
#undef KVFOLD_DRIVER_RESOLVE
  return nullptr;
}

void open(const char* path, LoadedDriver& loaded) {
  for (int i = 0; i < openedCount; i++) {
    if (strcmp(opened[i].path, path) == 0) {
      loaded.driver = &opened[i].driver;
      return;
    }
  }
  loaded.problem = "library";
  if (openedCount == maximumOpened || strlen(path) >= sizeof opened[0].path) {
    snprintf(loaded.detail, sizeof loaded.detail, "too many driver libraries, or too long a path");
    return;
  }
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* message = dlerror();
    snprintf(loaded.detail, sizeof loaded.detail, "%s", message == nullptr ? "cannot be opened" : message);
    return;
  }
  Opened& entry = opened[openedCount];
  const char* missing = resolve(library, entry.driver);
  if (missing != nullptr) {
    loaded.problem = "symbol";
    snprintf(loaded.detail, sizeof loaded.detail, "%s", missing);
    dlclose(library);
    return;
  }
  snprintf(entry.path, sizeof entry.path, "%s", path);
  loaded.problem = nullptr;
  loaded.driver = &entry.driver;
  openedCount++;
}

}  // namespace

void loadDriver(const char* path, LoadedDriver& loaded) {
  pthread_mutex_lock(&lock);
  open(path, loaded);
  pthread_mutex_unlock(&lock);
}

}  // namespace kvfold::cuda
