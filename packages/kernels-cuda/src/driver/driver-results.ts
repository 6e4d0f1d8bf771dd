/** What a result code of the driver means, and what helps. */
export interface DriverResult {
  readonly name: string;
  /** A sentence. */
  readonly meaning: string;
  /** The device is unusable for this process afterwards. */
  readonly lost?: true;
}

/** Error codes of a broken installation, of memory, of misuse, and of kernels that went wrong (those stay). */
const results: Readonly<Record<number, DriverResult>> = {
  1: { name: "CUDA_ERROR_INVALID_VALUE", meaning: "An argument is wrong; this is a bug of kvfold." },
  2: { name: "CUDA_ERROR_OUT_OF_MEMORY", meaning: "The device has not enough free memory." },
  3: { name: "CUDA_ERROR_NOT_INITIALIZED", meaning: "The driver is not started; this is a bug of kvfold." },
  4: { name: "CUDA_ERROR_DEINITIALIZED", meaning: "The driver is shutting down with the process." },
  34: {
    name: "CUDA_ERROR_STUB_LIBRARY",
    meaning: "This libcuda is the toolkit's stub for linking; remove it from the library path.",
  },
  46: {
    name: "CUDA_ERROR_DEVICE_UNAVAILABLE",
    meaning: "Another process has the device for itself; end it, or set the compute mode to default (nvidia-smi -c 0).",
  },
  100: {
    name: "CUDA_ERROR_NO_DEVICE",
    meaning: "The driver sees no device; check nvidia-smi and CUDA_VISIBLE_DEVICES.",
  },
  101: { name: "CUDA_ERROR_INVALID_DEVICE", meaning: "There is no device with this number." },
  102: { name: "CUDA_ERROR_DEVICE_NOT_LICENSED", meaning: "The virtual GPU has no licence for computing." },
  200: { name: "CUDA_ERROR_INVALID_IMAGE", meaning: "The driver cannot read the kernels; install a newer driver." },
  201: { name: "CUDA_ERROR_INVALID_CONTEXT", meaning: "The device's context is gone; this is a bug of kvfold." },
  209: {
    name: "CUDA_ERROR_NO_BINARY_FOR_GPU",
    meaning: "The kernels have no form for this device; kvfold needs compute capability 8.0 or higher.",
  },
  214: {
    name: "CUDA_ERROR_ECC_UNCORRECTABLE",
    meaning: "The device's memory is damaged; reset or replace it.",
    lost: true,
  },
  218: { name: "CUDA_ERROR_INVALID_PTX", meaning: "The driver cannot compile the kernels; install a newer driver." },
  221: {
    name: "CUDA_ERROR_JIT_COMPILER_NOT_FOUND",
    meaning: "The driver's compiler (libnvidia-ptxjitcompiler) is missing; reinstall the driver.",
  },
  222: {
    name: "CUDA_ERROR_UNSUPPORTED_PTX_VERSION",
    meaning: "The driver is too old to compile the kernels for this device; install a newer driver.",
  },
  400: { name: "CUDA_ERROR_INVALID_HANDLE", meaning: "A handle is wrong; this is a bug of kvfold." },
  500: { name: "CUDA_ERROR_NOT_FOUND", meaning: "The kernels lack one that is called; reinstall the package." },
  600: { name: "CUDA_ERROR_NOT_READY", meaning: "Work was not done yet; this is a bug of kvfold." },
  700: { name: "CUDA_ERROR_ILLEGAL_ADDRESS", meaning: "A kernel used memory that is not its own.", lost: true },
  701: {
    name: "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES",
    meaning: "The device has not enough registers or shared memory for a kernel.",
  },
  702: {
    name: "CUDA_ERROR_LAUNCH_TIMEOUT",
    meaning: "A kernel ran longer than a device with a display allows.",
    lost: true,
  },
  710: { name: "CUDA_ERROR_ASSERT", meaning: "A kernel found something that cannot be.", lost: true },
  714: { name: "CUDA_ERROR_HARDWARE_STACK_ERROR", meaning: "A kernel broke its stack.", lost: true },
  715: { name: "CUDA_ERROR_ILLEGAL_INSTRUCTION", meaning: "A kernel is not for this device.", lost: true },
  716: { name: "CUDA_ERROR_MISALIGNED_ADDRESS", meaning: "A kernel used memory that is not aligned.", lost: true },
  718: { name: "CUDA_ERROR_INVALID_PC", meaning: "A kernel lost its way.", lost: true },
  719: { name: "CUDA_ERROR_LAUNCH_FAILED", meaning: "A kernel failed on the device.", lost: true },
  800: { name: "CUDA_ERROR_NOT_PERMITTED", meaning: "The system does not allow this; check the container's rights." },
  801: { name: "CUDA_ERROR_NOT_SUPPORTED", meaning: "This device or driver does not support the call." },
  802: {
    name: "CUDA_ERROR_SYSTEM_NOT_READY",
    meaning: "The system's fabric is not ready; start nvidia-fabricmanager (NVSwitch machines need it).",
  },
  803: {
    name: "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH",
    meaning: "Kernel module and library of the driver have different versions; restart after the update.",
  },
  804: {
    name: "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE",
    meaning: "The forward-compatibility package does not support this device; remove it or update the driver.",
  },
  900: {
    name: "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED",
    meaning: "A call cannot be recorded; this is a bug of kvfold.",
  },
  901: { name: "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED", meaning: "A recording broke; this is a bug of kvfold." },
  999: { name: "CUDA_ERROR_UNKNOWN", meaning: "The driver does not say what went wrong; see dmesg for Xid messages." },
};

/** Codes that are in the table. */
export const knownResults: readonly number[] = Object.keys(results).map(Number);

/** What is known of a result code. */
export function driverResult(code: number): DriverResult {
  return results[code] ?? { name: `CUresult ${code}`, meaning: "See NVIDIA's documentation of the driver API." };
}
