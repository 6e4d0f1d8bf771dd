/** What the dial turns into stages. */
export interface DialSettings {
  readonly method: "dmc" | "dms";
  /** Compression ratio at the end of the ramp, above 1. */
  readonly cr: number;
  /** Weights of the model; undefined: not known, taken for a small one. */
  readonly parameters: number | undefined;
  readonly tokensPerStep: number;
  /** The budget; undefined: the dial chooses it. */
  readonly steps: number | undefined;
}

/** Steps of the three stages of a retrofit, and how many of its last ones the learning rate falls over. */
export interface DialStages {
  readonly blank: number;
  readonly ramp: number;
  readonly solidify: number;
  readonly decaySteps: number;
}

/** Measured: a ramp of 80 steps of 4,096 tokens for each +1.0 of CR was followed within 7 %, one of 63 was not. */
const SLOWEST_FOLLOWED = { steps: 80, tokens: 4096 };

/** Of a run without a budget: the ramp that was followed, and a quarter of it to spare. DMS's own ramp is the same. */
const RAMP_STEPS_PER_RATIO = 100;

/** Parts of a small budget; the rest is the solidify stage, whose second half decays. */
const SMALL = { blank: 0.05, ramp: 0.6 };

/** DMC's released recipe (Llama 2): 250 + 6,000 steps for each +1.0 of CR + 2,000, which decay all the way. */
const PAPER = { blank: 250, rampPerRatio: 6000, solidify: 2000, parameters: 1e9 };

/**
 * The dial: stages of a retrofit from its target ratio, the size of the model and the budget.
 *
 * - **Large** (DMC only): a budget of at least 6,000 steps for each +1.0 of CR plus 2,250, or no budget and a model of at
 *   least 1G parameters, gets the schedule of the paper: blank 250, ramp 6,000 for each +1.0, solidify the rest (2,000 of a
 *   run without a budget), decaying all through it.
 * - **Small**, everything else: blank 5 %, ramp 60 %, solidify 35 %, whose first half keeps the full learning rate. Decisions
 *   lag behind a short ramp; they catch up there, and cannot once the rate falls. Without a budget the ramp takes 100 steps
 *   for each +1.0, more where a step has fewer than 4,096 tokens.
 *
 * @returns whole numbers of steps; the three stages add up to `steps` where it is given
 */
export function dialStages({ method, cr, parameters = 0, tokensPerStep, steps }: DialSettings): DialStages {
  const paperRamp = Math.ceil(PAPER.rampPerRatio * (cr - 1));
  const paperSteps = PAPER.blank + paperRamp + PAPER.solidify;
  if (method === "dmc" && (steps === undefined ? parameters >= PAPER.parameters : steps >= paperSteps)) {
    const solidify = (steps ?? paperSteps) - PAPER.blank - paperRamp;
    return { blank: PAPER.blank, ramp: paperRamp, solidify, decaySteps: solidify };
  }
  const total = steps ?? Math.ceil((RAMP_STEPS_PER_RATIO * (cr - 1) * shortBatch(tokensPerStep)) / SMALL.ramp);
  const blank = Math.round(SMALL.blank * total);
  const ramp = Math.round(SMALL.ramp * total);
  const solidify = total - blank - ramp;
  return { blank, ramp, solidify, decaySteps: Math.floor(solidify / 2) };
}

/** Shortest ramp, in steps, that decisions were seen to follow; a steeper one is worth a remark. */
export function shortestRamp(cr: number, tokensPerStep: number): number {
  return Math.ceil(SLOWEST_FOLLOWED.steps * (cr - 1) * shortBatch(tokensPerStep));
}

/** Steps of fewer tokens than the measured ones teach less each. */
function shortBatch(tokensPerStep: number): number {
  return Math.max(1, SLOWEST_FOLLOWED.tokens / tokensPerStep);
}

/**
 * Stages of which some are given: the others share the rest of the steps in the dial's proportions. Without a budget the
 * others keep the dial's steps.
 *
 * @returns undefined when the given ones do not fit into the budget, or fill it less than wholly with all three given
 */
export function withGivenStages(
  dial: DialStages,
  given: Partial<Record<"blank" | "ramp" | "solidify", number | undefined>>,
  steps: number | undefined,
): DialStages | undefined {
  const names = ["blank", "ramp", "solidify"] as const;
  const free = names.filter((name) => given[name] === undefined);
  if (free.length === names.length) return dial;
  const stages = {
    blank: given.blank ?? dial.blank,
    ramp: given.ramp ?? dial.ramp,
    solidify: given.solidify ?? dial.solidify,
  };
  if (steps !== undefined) {
    let rest = steps - names.reduce((sum, name) => sum + (given[name] ?? 0), 0);
    if (rest < 0 || (free.length === 0 && rest !== 0)) return undefined;
    let share = free.reduce((sum, name) => sum + dial[name], 0);
    for (const name of free) {
      stages[name] = share === 0 ? 0 : Math.round((rest * dial[name]) / share);
      rest -= stages[name];
      share -= dial[name];
    }
    const last = free.at(-1);
    if (last !== undefined) stages[last] += rest; // 0 unless the dial gave the free ones no steps at all
  }
  return { ...stages, decaySteps: Math.floor((stages.solidify * dial.decaySteps) / Math.max(1, dial.solidify)) };
}
