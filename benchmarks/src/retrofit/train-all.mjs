// Trains all models of the comparison, one after the other; finished ones are skipped, begun ones are resumed.
//
//     node benchmarks/src/retrofit/train-all.mjs [--threads N] BASE NOVELS.kvtok RUNS-FOLDER [NAME...]
//
// Results do not depend on the threads: two of these, each with one thread and other names, are faster than one with two.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { blank, branchStep, steps } from "./schedule.mjs";

const { values: options, positionals } = parseArgs({
  options: { threads: { type: "string" } },
  allowPositionals: true,
});
const [base, shard, folder, ...only] = positionals;
if (folder === undefined) {
  console.error(
    "usage: node benchmarks/src/retrofit/train-all.mjs [--threads N] BASE NOVELS.kvtok RUNS-FOLDER [NAME...]",
  );
  process.exit(2);
}
const here = fileURLToPath(new URL("../../retrofit/", import.meta.url));
const command = fileURLToPath(new URL("../../../packages/cli/dist/bin.js", import.meta.url));
const runs = resolve(folder);

/** What of dms.yaml the last stage must know. */
const dmsMethod = { "method.kind": "dms", "method.delay": 16, "method.logitScale": 10, "method.offset": 5 };

const checkpoint = (run, step) => join(runs, run, "checkpoints", `step-${String(step).padStart(8, "0")}`);

/** The rest of the steps, at the full ratio: a model branches off a ramp where that reaches its ratio. */
const hardened = (name, cr, from, seed, more = {}) => ({
  name,
  recipe: "harden",
  set: {
    "distill.teacher": resolve(base),
    cr,
    "model.from": checkpoint(from, branchStep(cr)),
    seed,
    steps: steps - branchStep(cr),
    "method.stages.solidify": steps - branchStep(cr),
    "schedule.decaySteps": Math.min(600, Math.round(0.85 * (steps - branchStep(cr)))),
    ...more,
  },
});

/** The same schedule as the ramp to 8x, up to where 4x branches off. */
const rampTo4 = {
  seed: 21,
  cr: 4,
  steps: branchStep(4),
  "method.stages.ramp": branchStep(4) - blank,
};

/** Pooled heads learn from the base as well, as all compressed models do. */
const gqa = (ratio) => ({
  name: `gqa-${ratio}x`,
  recipe: "gqa",
  set: { kvHeads: 8 / ratio, "distill.teacher": resolve(base) },
});

/** In the order in which the numbers are wanted. */
const all = [
  { name: "ramp", recipe: "ramp", set: {} },
  hardened("dmc-4x", 4, "ramp", 12),
  { name: "control", recipe: "control", set: {} },
  gqa(4),
  hardened("dmc-2x", 2, "ramp", 12),
  hardened("dmc-8x", 8, "ramp", 12),
  { name: "ramp-dms", recipe: "dms", set: { "distill.teacher": resolve(base) } },
  hardened("dms-4x", 4, "ramp-dms", 12, dmsMethod),
  hardened("dms-8x", 8, "ramp-dms", 12, dmsMethod),
  gqa(2),
  gqa(8),
  { name: "ramp-b", recipe: "ramp", set: rampTo4 },
  hardened("dmc-4x-b", 4, "ramp-b", 22),
  { name: "control-b", recipe: "control", set: { seed: 21 } },
];

mkdirSync(runs, { recursive: true });
for (const { name, recipe, set } of all) {
  if (only.length > 0 && !only.includes(name)) continue;
  const output = join(runs, name);
  if (existsSync(join(output, "model"))) continue;
  const values = { "model.from": resolve(base), "data.files": resolve(shard), ...set, output };
  const sets = Object.entries(values).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
  const resumed = existsSync(output) ? ["--resume"] : [];
  const threads = options.threads === undefined ? [] : ["--threads", options.threads];
  console.log(`== ${name}`);
  const run = spawnSync(
    process.execPath,
    [command, "train", "run", join(here, `${recipe}.yaml`), ...sets, ...resumed, ...threads],
    {
      stdio: "inherit",
    },
  );
  if (run.status !== 0) process.exit(run.status ?? 1);
}
