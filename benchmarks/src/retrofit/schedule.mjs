/** Steps of every model of the comparison, the ramp included: 7 M tokens in steps of 4,096. */
export const steps = 1700;
/** Steps of the ramp's first stage; see ramp.yaml. */
export const blank = 60;
/** Steps of its second, from 1 to 8x. */
const ramp = 1350;

/** Part of the ramp done where it reaches a ratio: each doubling takes a third of it. */
const rampPart = (cr) => Math.log2(cr) / 3;
/** Step of the ramp at which the model of a ratio branches off. */
export const branchStep = (cr) => blank + Math.round(ramp * rampPart(cr));
