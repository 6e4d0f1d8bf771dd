export { type DmcDecisions, decide, decisionChannel, decisionLogits } from "./decide.js";
export { dmc, mergeStateBytes } from "./dmc.js";
export { dmcDefinition } from "./dmc-definition.js";
export { type DmcOptions, type ResolvedDmcOptions, resolveDmcOptions } from "./dmc-options.js";
