import type { KernelSuite } from "../testing/kernel-suite.js";
import { adamWCases } from "./adam-w.cases.js";
import { cacheWriteCases } from "./cache-write.cases.js";
import { columnAttentionCases } from "./column-attention.cases.js";
import { crossEntropyCases } from "./cross-entropy.cases.js";
import { denseGatedMlpCases } from "./dense-gated-mlp.cases.js";
import { denseLinearCases } from "./dense-linear.cases.js";
import { divergenceGradientCases, divergenceRowsCases } from "./divergence-rows.cases.js";
import { dmcAccumulateCases } from "./dmc-accumulate.cases.js";
import { dmcDecideCases } from "./dmc-decide.cases.js";
import { dmcFoldCases } from "./dmc-fold.cases.js";
import { dmcPoolCases } from "./dmc-pool.cases.js";
import { dmcSegmentPoolCases } from "./dmc-segment-pool.cases.js";
import { embeddingCases } from "./embedding.cases.js";
import { gatedActivationCases, gatedActivationGradientCases } from "./gated-activation.cases.js";
import { normPackedLinearsCases } from "./norm-packed-linears.cases.js";
import { packedGatedMlpCases } from "./packed-gated-mlp.cases.js";
import { packedLinearCases } from "./packed-linear.cases.js";
import { raggedAttentionCases } from "./ragged-attention.cases.js";
import { rmsNormCases } from "./rms-norm.cases.js";
import { ropeCases } from "./rope.cases.js";
import { scatterAddRowsCases } from "./scatter-add-rows.cases.js";

/** Every kernel of the contract with its conformance cases; one line enrols a kernel on every backend. */
export const kernelSuites: readonly KernelSuite[] = [
  adamWCases,
  cacheWriteCases,
  columnAttentionCases,
  crossEntropyCases,
  denseGatedMlpCases,
  denseLinearCases,
  divergenceGradientCases,
  divergenceRowsCases,
  dmcAccumulateCases,
  dmcDecideCases,
  dmcFoldCases,
  dmcPoolCases,
  dmcSegmentPoolCases,
  embeddingCases,
  gatedActivationCases,
  gatedActivationGradientCases,
  normPackedLinearsCases,
  packedGatedMlpCases,
  packedLinearCases,
  raggedAttentionCases,
  rmsNormCases,
  ropeCases,
  scatterAddRowsCases,
];
