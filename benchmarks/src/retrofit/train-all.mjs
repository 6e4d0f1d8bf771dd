// Trains all models of the comparison, one after the other; finished ones are skipped, begun ones are resumed.
//
//     node benchmarks/src/retrofit/train-all.mjs BASE NOVELS.kvtok RUNS-FOLDER [NAME...]
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { blank, branchStep, harden, ramp, rampPart, steps } from "./schedule.mjs";

const [base, shard, folder, ...only] = process.argv.slice(2);
if (folder === undefined) {
  console.error("usage: node benchmarks/src/retrofit/train-all.mjs BASE NOVELS.kvtok RUNS-FOLDER [NAME...]");
  process.exit(2);
}
const here = fileURLToPath(new URL("../../retrofit/", import.meta.url));
const command = fileURLToPath(new URL("../../../packages/cli/dist/bin.js", import.meta.url));
const runs = resolve(folder);

const checkpoint = (run, step) => join(runs, run, "checkpoints", `step-${String(step).padStart(8, "0")}`);

/** A DMC model branches off the ramp where it reaches the ratio, solidifies, and hardens its decisions. */
function dmc(name, cr, from, seed) {
  const begun = branchStep(cr);
  const soft = steps - begun - harden;
  const solid = name.replace("dmc", "solidify");
  const shared = { "distill.teacher": resolve(base), cr };
  const solidify = {
    ...shared,
    "model.from": checkpoint(from, begun),
    seed,
    steps: soft,
    "method.stages.solidify": soft,
    "method.annealing.from": 0.1 ** rampPart(cr),
  };
  return [
    { name: solid, recipe: "solidify", set: solidify },
    { name, recipe: "harden", set: { ...shared, "model.from": checkpoint(solid, soft), seed: seed + 1 } },
  ];
}

/** The same schedule as the ramp to 8x, up to where 4x branches off. */
const rampTo4 = {
  seed: 21,
  cr: 4,
  steps: blank + (ramp * 6) / 7,
  "method.stages.ramp": (ramp * 6) / 7,
  "method.temperature": 0.1 ** (6 / 7),
};

/** One run, with the stages of the DMC model of the same ratio. */
const dms = (cr) => ({
  name: `dms-${cr}x`,
  recipe: "dms",
  set: {
    cr,
    "method.stages.ramp": branchStep(cr) - blank,
    "method.stages.solidify": steps - branchStep(cr),
    "distill.teacher": resolve(base),
  },
});

/** Pooled heads learn from the base as well, as all compressed models do. */
const gqa = (ratio) => ({
  name: `gqa-${ratio}x`,
  recipe: "gqa",
  set: { kvHeads: 8 / ratio, "distill.teacher": resolve(base) },
});

/** In the order in which the numbers are wanted. */
const all = [
  { name: "ramp", recipe: "ramp", set: {} },
  ...dmc("dmc-4x", 4, "ramp", 12),
  { name: "control", recipe: "control", set: {} },
  gqa(4),
  ...dmc("dmc-2x", 2, "ramp", 12),
  ...dmc("dmc-8x", 8, "ramp", 12),
  dms(4),
  dms(8),
  gqa(2),
  gqa(8),
  { name: "ramp-b", recipe: "ramp", set: rampTo4 },
  ...dmc("dmc-4x-b", 4, "ramp-b", 22),
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
  console.log(`== ${name}`);
  const run = spawnSync(
    process.execPath,
    [command, "train", "run", join(here, `${recipe}.yaml`), ...sets, ...resumed],
    {
      stdio: "inherit",
    },
  );
  if (run.status !== 0) process.exit(run.status ?? 1);
}
