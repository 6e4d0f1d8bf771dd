export { type DmcDecisions, type DmcLogits, decide, decisionChannel, decisionLogits, omegaOf } from "./decide.js";
export { dmc, mergeStateBytes } from "./dmc.js";
export { dmcDefinition } from "./dmc-definition.js";
export { type DmcOptions, type ResolvedDmcOptions, resolveDmcOptions } from "./dmc-options.js";
export { dmcTrainingForm } from "./dmc-training-form.js";
export { type GumbelSigmoidOptions, gumbelSigmoid } from "./relaxations/gumbel-sigmoid.js";
export { hard } from "./relaxations/hard.js";
export type { Relaxation, RelaxationContext, RelaxedDecisions } from "./relaxations/relaxation.js";
