import { KvfoldError } from "@kvfold/core";
import type { BlasCallError, DriverCallError } from "./cuda-addon.js";
import { driverResult } from "./driver-results.js";

/** True for what the addon throws when a driver call fails. */
export function isDriverCallError(error: unknown): error is DriverCallError {
  return error instanceof Error && "call" in error && "result" in error;
}

function isBlasCallError(error: unknown): error is BlasCallError {
  return error instanceof Error && "blasCall" in error && "status" in error;
}

/** Names of `cublasStatus_t`. */
const blasStatuses: Readonly<Record<number, string>> = {
  1: "CUBLAS_STATUS_NOT_INITIALIZED",
  3: "CUBLAS_STATUS_ALLOC_FAILED",
  7: "CUBLAS_STATUS_INVALID_VALUE",
  8: "CUBLAS_STATUS_ARCH_MISMATCH",
  11: "CUBLAS_STATUS_MAPPING_ERROR",
  13: "CUBLAS_STATUS_EXECUTION_FAILED",
  14: "CUBLAS_STATUS_INTERNAL_ERROR",
  15: "CUBLAS_STATUS_NOT_SUPPORTED",
};

/** The end of a sentence about a driver call that failed. */
export function describeFailure({ call, result }: DriverCallError): string {
  const { name, meaning } = driverResult(result);
  return `${call} failed with ${name}. ${meaning}`;
}

/** The error of a failed driver call, with what helps; other errors as they are. */
export function explainFailure(error: unknown): unknown {
  if (isBlasCallError(error)) {
    const name = blasStatuses[error.status] ?? `status ${error.status}`;
    return new KvfoldError(
      "cuda-call",
      `${error.blasCall} failed with ${name}. Without cuBLASLt (loadCuda({ blas: "" })) the package's own products run.`,
      { cause: error },
    );
  }
  if (!isDriverCallError(error)) return error;
  const { lost } = driverResult(error.result);
  const ending = lost ? " The device is lost for this process; start a new one." : "";
  return new KvfoldError(lost ? "cuda-device-lost" : "cuda-call", `${describeFailure(error)}${ending}`, {
    cause: error,
  });
}

/** True when an error says that the device cannot be used any more in this process. */
export function isLost(error: unknown): boolean {
  if (KvfoldError.isInstance(error)) return error.code === "cuda-device-lost";
  return isDriverCallError(error) && driverResult(error.result).lost === true;
}
