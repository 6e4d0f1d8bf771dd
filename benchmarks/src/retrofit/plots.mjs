// Draws the results as SVG from results/retrofit/table.json and logs: perplexity and recall against live bytes, the ratio of
// every head, loss and ratio during training.
//
//     node benchmarks/src/retrofit/plots.mjs
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse, View } from "vega";
import { compile } from "vega-lite";

const results = fileURLToPath(new URL("../../results/retrofit/", import.meta.url));
const logs = join(results, "logs");
const events = (name) =>
  readFileSync(join(logs, `${name}.jsonl`), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

if (existsSync(join(results, "table.json"))) {
  const { rows } = JSON.parse(readFileSync(join(results, "table.json"), "utf8"));
  const values = rows.map((row) => ({
    model: row.name,
    method: /^(dmc|dms|gqa|control|h2o|tova|window)/.exec(row.name)?.[1] ?? "base",
    "live bytes of a window of 1,024 tokens": row.textLiveBytes,
    "live bytes of a recall task": row.recallLiveBytes,
    perplexity: row.perplexity,
    "first token of the answer right": row.firstToken,
  }));
  await draw("perplexity", against(values, "live bytes of a window of 1,024 tokens", "perplexity"));
  await draw("recall", against(values, "live bytes of a recall task", "first token of the answer right"));
}

const trained = existsSync(logs) ? readdirSync(logs).map((file) => file.replace(".jsonl", "")) : [];
for (const name of trained.filter((name) => /^(ramp|dm[cs])/.test(name))) {
  const last = events(name)
    .filter(({ merged }) => merged !== undefined)
    .at(-1);
  if (last === undefined) continue;
  const values = last.merged.flatMap((heads, layer) =>
    heads.map((part, head) => ({ layer, head, "tokens per entry": 1 / Math.max(1 - part, 1 / 512) })),
  );
  await draw(`heads-${name}`, {
    title: `${name}: tokens per entry of each head, step ${last.step}`,
    data: { values },
    mark: "rect",
    width: 360,
    height: 180,
    encoding: {
      x: { field: "head", type: "ordinal" },
      y: { field: "layer", type: "ordinal" },
      color: { field: "tokens per entry", type: "quantitative", scale: { type: "log", scheme: "viridis" } },
    },
  });
}
/** Runs of the comparison; all others are rounds before it, and tries. */
const compared = /^(ramp(-dms)?|control|(dmc|dms|gqa)-\dx)(-b)?$/;
await drawTraining(
  "training",
  trained.filter((name) => compared.test(name)),
);
await drawTraining(
  "tries",
  trained.filter((name) => !compared.test(name) && !name.startsWith("base")),
);

/** Loss and ratio of some runs, means of 20 steps. */
async function drawTraining(name, runs) {
  const steps = runs.flatMap((run) =>
    means(
      events(run).filter(({ type }) => type === "step"),
      20,
    ).map((step) => ({ run, step: step.step, "cross-entropy": step.crossEntropy, ratio: step.ratio })),
  );
  if (steps.length === 0) return;
  const line = (field) => ({
    data: { values: steps.filter((step) => step[field] !== undefined) },
    mark: "line",
    width: 480,
    height: 220,
    encoding: {
      x: { field: "step", type: "quantitative" },
      y: { field, type: "quantitative", scale: { zero: false } },
      color: { field: "run", type: "nominal", scale: { scheme: "tableau20" }, legend: { symbolLimit: 0 } },
    },
  });
  await draw(name, { vconcat: [line("cross-entropy"), line("ratio")] });
}

function against(values, x, y) {
  return {
    data: { values },
    width: 480,
    height: 300,
    encoding: {
      x: { field: x, type: "quantitative", scale: { type: "log" } },
      y: { field: y, type: "quantitative", scale: { zero: false } },
    },
    layer: [
      { mark: { type: "point", filled: true, size: 70 }, encoding: { color: { field: "method", type: "nominal" } } },
      { mark: { type: "text", align: "left", dx: 6, fontSize: 9 }, encoding: { text: { field: "model" } } },
    ],
  };
}

/** Means of the numbers of every `count` steps. */
function means(steps, count) {
  const groups = grouped(steps, count);
  const mean = (list, key) => {
    const numbers = list.map((step) => step[key]).filter((value) => typeof value === "number");
    return numbers.length > 0 ? numbers.reduce((a, b) => a + b, 0) / numbers.length : undefined;
  };
  return [...groups.values()].map((list) => ({
    step: list.at(-1).step,
    crossEntropy: mean(list, "crossEntropy"),
    ratio: mean(list, "ratio"),
  }));
}

function grouped(steps, count) {
  const groups = new Map();
  for (const step of steps) {
    const key = Math.ceil(step.step / count);
    groups.set(key, [...(groups.get(key) ?? []), step]);
  }
  return groups;
}

async function draw(name, spec) {
  const { spec: vega } = compile({
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    background: "white",
    ...spec,
  });
  const view = new View(parse(vega), { renderer: "none" });
  writeFileSync(join(results, `${name}.svg`), await view.toSVG());
  console.log(`${name}.svg`);
}
