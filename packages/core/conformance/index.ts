export type { IgnoreRule, SuiteOutcome } from "./classify-failures.js";
export { runTfjsSuite, type TfjsSuiteOptions } from "./run-tfjs-suite.js";
