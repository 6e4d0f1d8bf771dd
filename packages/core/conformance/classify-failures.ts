import type { ChildReport, FailedSpec } from "./suite-child.js";

/** A known failure and why it is acceptable. */
export interface IgnoreRule {
  /** Explains a failed spec whose full name matches. Default any. */
  readonly spec?: RegExp;
  /** Explains a failed spec when each of its failure messages matches. Default any. */
  readonly error?: RegExp;
  /** Why this failure is acceptable, as a sentence. */
  readonly reason: string;
}

/** Result of a run of TensorFlow.js's suite. */
export interface SuiteOutcome {
  /** Specs of the suite for this backend. */
  readonly specs: number;
  /** Those of them that the suite itself switches off. */
  readonly pending: number;
  /** Failures that no rule explains. */
  readonly failed: readonly FailedSpec[];
  /** Failures that a rule explains: the first one that matches. */
  readonly ignored: readonly { readonly reason: string; readonly specs: readonly string[] }[];
  /** Reasons of the rules that explained no failure. */
  readonly stale: readonly string[];
}

/** Applies an ignore list to the failures of a run. */
export function classifyFailures(report: ChildReport, rules: readonly IgnoreRule[]): SuiteOutcome {
  const ignored = rules.map(({ reason }) => ({ reason, specs: [] as string[] }));
  const failed = report.failed.filter((spec) => {
    const index = rules.findIndex((rule) => explains(rule, spec));
    ignored[index]?.specs.push(spec.name);
    return index < 0;
  });
  const stale = ignored.filter((rule) => rule.specs.length === 0).map(({ reason }) => reason);
  const { specs, pending } = report;
  return { specs, pending, failed, ignored: ignored.filter((rule) => rule.specs.length > 0), stale };
}

function explains({ spec = /(?:)/, error = /(?:)/ }: IgnoreRule, failure: FailedSpec): boolean {
  return spec.test(failure.name) && failure.messages.every((message) => error.test(message));
}
