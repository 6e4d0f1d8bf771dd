import { KvfoldError } from "@kvfold/core";

/** Positions are int32 on every backend; more tokens than this cannot be told from an endless window. */
const MOST = 2 ** 30;

/** @throws KvfoldError `policy-options` unless `value` is a whole number in `least..2^30` */
export function checkCount(policy: string, option: string, value: number, least: number): void {
  if (Number.isInteger(value) && value >= least && value <= MOST) return;
  throw new KvfoldError(
    "policy-options",
    `Policy '${policy}': ${option} must be a whole number from ${least} to 2^30; got ${value}.`,
  );
}

/** @throws KvfoldError `policy-options` unless `value` is one of `choices` */
export function checkChoice(policy: string, option: string, value: string, choices: readonly string[]): void {
  if (choices.includes(value)) return;
  throw new KvfoldError(
    "policy-options",
    `Policy '${policy}': ${option} must be one of ${choices.join(", ")}; got '${value}'.`,
  );
}
