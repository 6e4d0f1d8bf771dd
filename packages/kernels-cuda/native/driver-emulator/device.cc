// Start, devices and contexts of the emulated driver.
#include <cstdio>
#include <cstring>

#include "calls.h"

namespace kvfold::cuda {

using namespace driver_emulator;

Result cuInit(unsigned flags) {
  KVFOLD_BEGIN(false);
  if (flags != 0) return problem(invalidValue, "cuInit with flags");
  if (s.initResult != success) return s.initResult;
  if (s.devices == 0) return 100;
  s.initialized = true;
  return success;
}

Result cuDriverGetVersion(int* version) {
  KVFOLD_BEGIN(false);
  *version = s.version;
  return success;
}

Result cuDeviceGetCount(int* count) {
  KVFOLD_BEGIN(false);
  if (!s.initialized) return problem(3, "devices counted before cuInit");
  *count = s.devices;
  return success;
}

Result cuDeviceGet(Device* device, int ordinal) {
  KVFOLD_BEGIN(false);
  if (!s.initialized) return problem(3, "a device before cuInit");
  if (ordinal < 0 || ordinal >= s.devices) return 101;
  *device = ordinal;
  return success;
}

static bool isDevice(Device device) { return device >= 0 && device < state().devices; }

Result cuDeviceGetName(char* name, int length, Device device) {
  KVFOLD_BEGIN(false);
  if (!isDevice(device)) return problem(101, "the name of no device");
  snprintf(name, static_cast<size_t>(length), "Emulated GPU %d", device);
  return success;
}

Result cuDeviceGetUuid_v2(Uuid* uuid, Device device) {
  KVFOLD_BEGIN(false);
  if (!isDevice(device)) return problem(101, "the uuid of no device");
  for (int i = 0; i < 16; i++) uuid->bytes[i] = static_cast<char>(16 * device + i);
  return success;
}

Result cuDeviceGetAttribute(int* value, int attribute, Device device) {
  KVFOLD_BEGIN(false);
  if (!isDevice(device)) return problem(101, "an attribute of no device");
  switch (attribute) {
    case attributeMajor: *value = 9; return success;
    case attributeMinor: *value = 0; return success;
    case attributeMultiprocessors: *value = 2; return success;
    case attributeSharedEach: *value = 228 * 1024; return success;
    case attributeSharedOptIn: *value = 227 * 1024; return success;
    case attributeL2Bytes: *value = 1 << 20; return success;
    default: return problem(invalidValue, "an attribute that the emulator does not know");
  }
}

Result cuDeviceTotalMem_v2(size_t* bytes, Device device) {
  KVFOLD_BEGIN(false);
  if (!isDevice(device)) return problem(101, "the memory of no device");
  *bytes = s.memoryBytes;
  return success;
}

// One primary context a device; which one does not matter here, as it has no state of its own.
static Context contextOf(Device device) { return reinterpret_cast<Context>(static_cast<uintptr_t>(0x1000 + device)); }

Result cuDevicePrimaryCtxRetain(Context* context, Device device) {
  KVFOLD_BEGIN(false);
  if (!s.initialized || !isDevice(device)) return problem(101, "a context of no device");
  s.contextUses++;
  *context = contextOf(device);
  return success;
}

Result cuDevicePrimaryCtxRelease_v2(Device device) {
  KVFOLD_BEGIN(true);
  if (!isDevice(device)) return problem(101, "a context of no device released");
  s.contextUses--;
  return success;
}

Result cuCtxSetCurrent(Context context) {
  KVFOLD_BEGIN(true);
  const uintptr_t value = reinterpret_cast<uintptr_t>(context);
  if (value < 0x1000 || value >= 0x1000u + static_cast<unsigned>(s.devices)) return problem(201, "a context that does not live");
  return success;
}

}  // namespace kvfold::cuda
