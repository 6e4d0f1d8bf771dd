import { KvfoldError } from "@kvfold/core";
import type { DriverCallError } from "./cuda-addon.js";
import { driverResult } from "./driver-results.js";

/** True for what the addon throws when a driver call fails. */
export function isDriverCallError(error: unknown): error is DriverCallError {
  return error instanceof Error && "call" in error && "result" in error;
}

/** The end of a sentence about a driver call that failed. */
export function describeFailure({ call, result }: DriverCallError): string {
  const { name, meaning } = driverResult(result);
  return `${call} failed with ${name}. ${meaning}`;
}

/** The error of a failed driver call, with what helps; other errors as they are. */
export function explainFailure(error: unknown): unknown {
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
