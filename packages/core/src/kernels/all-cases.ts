import type { KernelSuite } from "../testing/kernel-suite.js";
import { adamWCases } from "./adam-w.cases.js";
import { crossEntropyCases } from "./cross-entropy.cases.js";
import { denseGatedMlpCases } from "./dense-gated-mlp.cases.js";
import { denseLinearCases } from "./dense-linear.cases.js";
import { embeddingCases } from "./embedding.cases.js";
import { packedGatedMlpCases } from "./packed-gated-mlp.cases.js";
import { packedLinearCases } from "./packed-linear.cases.js";
import { rmsNormCases } from "./rms-norm.cases.js";
import { ropeCases } from "./rope.cases.js";
import { scatterAddRowsCases } from "./scatter-add-rows.cases.js";

/** Every kernel of the contract with its conformance cases; one line enrols a kernel on every backend. */
export const kernelSuites: readonly KernelSuite[] = [
  adamWCases,
  crossEntropyCases,
  denseGatedMlpCases,
  denseLinearCases,
  embeddingCases,
  packedGatedMlpCases,
  packedLinearCases,
  rmsNormCases,
  ropeCases,
  scatterAddRowsCases,
];
