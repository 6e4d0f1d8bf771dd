import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { packageFile } from "../src/package-file.js";

interface Sources {
  findNvcc(): { path: string; version: string } | undefined;
}
const { findNvcc } = (await import(new URL("../scripts/sources.mjs", import.meta.url).href)) as Sources;
const nvcc = findNvcc();
if (nvcc === undefined) console.warn("No nvcc: the driver's declarations are not compared with the toolkit's.");

/** Compares every declaration, with names of types left out: handles are pointers to something, enums are int. */
const source = `
#include <cuda.h>
#include <type_traits>
#include "driver.h"
struct Something;
template <class T, class = void> struct Plain { using type = std::conditional_t<sizeof(T) == 4 && !std::is_floating_point_v<T>, int, T>; };
template <class T> struct Plain<const T> { using type = typename Plain<T>::type; };
template <> struct Plain<void> { using type = void; };
template <class T> using Named = std::conditional_t<std::is_class_v<T>, Something, T>;
template <class T> struct Pointed { using type = typename Plain<T>::type; };
template <class T> struct Plain<T*> { using type = typename std::conditional_t<std::is_class_v<std::remove_cv_t<T>>, std::remove_reference<Something>, Plain<T>>::type*; };
template <class R, class... P> struct Plain<R (*)(P...)> { using type = typename Plain<R>::type (*)(typename Plain<P>::type...); };
template <class T> using plain = typename Plain<T>::type;
using kvfold::cuda::Driver;
#define CHECK(name, symbol, parameters) \\
  static_assert(std::is_same_v<plain<decltype(&symbol)>, plain<decltype(Driver::name)>>, #symbol);
KVFOLD_DRIVER_CALLS(CHECK)
namespace own = kvfold::cuda;
static_assert(own::success == CUDA_SUCCESS && own::invalidValue == CUDA_ERROR_INVALID_VALUE);
static_assert(own::outOfMemory == CUDA_ERROR_OUT_OF_MEMORY && own::notReady == CUDA_ERROR_NOT_READY);
static_assert(own::attributeMultiprocessors == CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
static_assert(own::attributeMajor == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
static_assert(own::attributeMinor == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
static_assert(own::attributeL2Bytes == CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE);
static_assert(own::attributeSharedEach == CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR);
static_assert(own::attributeSharedOptIn == CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
static_assert(own::functionMaxThreads == CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK);
static_assert(own::functionSharedBytes == CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES);
static_assert(own::functionLocalBytes == CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES);
static_assert(own::functionRegisters == CU_FUNC_ATTRIBUTE_NUM_REGS);
static_assert(own::functionMaxDynamicShared == CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
static_assert(own::streamNonBlocking == CU_STREAM_NON_BLOCKING && own::eventBlockingSync == CU_EVENT_BLOCKING_SYNC);
static_assert(own::eventDisableTiming == CU_EVENT_DISABLE_TIMING && own::captureRelaxed == CU_STREAM_CAPTURE_MODE_RELAXED);
static_assert(own::launchEnd == CU_LAUNCH_PARAM_END_AS_INT && own::launchBuffer == CU_LAUNCH_PARAM_BUFFER_POINTER_AS_INT);
static_assert(own::launchBufferSize == CU_LAUNCH_PARAM_BUFFER_SIZE_AS_INT && sizeof(own::Uuid) == sizeof(CUuuid));
`;

it.skipIf(nvcc === undefined)("the driver's functions and constants are those of the toolkit's cuda.h", () => {
  const folder = mkdtempSync(join(tmpdir(), "kvfold-toolkit-"));
  try {
    const file = join(folder, "check.cc");
    writeFileSync(file, source);
    const include = packageFile("native/addon/driver");
    const flags = ["-std=c++17", "-x", "c++", "-I", include, "-c", "-o", join(folder, "check.o"), file];
    const { status, stderr } = spawnSync(nvcc?.path ?? "", flags, { encoding: "utf8" });
    expect(stderr).toBe("");
    expect(status).toBe(0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
