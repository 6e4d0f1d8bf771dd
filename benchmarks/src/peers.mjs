// kvfold and llama.cpp (node-llama-cpp) side by side on the same model file, threads and tokens:
//   npm run bench:peers                                  everything; writes results/peers.json
//   npm run bench:peers -- --formats Q8_0 --depths 0,1024 --rows full --repeats 3 --decode 32 [--out FILE]
// A row is a policy with how its cache and products are held: full, full@activations=int8, dmc:force=4, full@codec=bf16.
// The model (--model: a GGUF file or a folder) is looked for under KVFOLD_SHARED, default ../shared; other formats are made from it
// by kvfold's own convert.
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { convertToGguf } from "@kvfold/models";
import { machine } from "./machine.mjs";
import { agreement } from "./peers/agreement.mjs";
import { startEngine } from "./peers/engine.mjs";
import { summarise } from "./peers/summarise.mjs";
import { print, printHead } from "./peers/table.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const name = "models/SmolLM2-135M-Instruct/SmolLM2-135M-Instruct.Q4_1.gguf";
const PREFILL = 512;

const { values: given } = parseArgs({
  options: {
    formats: { type: "string", default: "Q4_1,Q8_0,F16" },
    depths: { type: "string", default: "0,1024,4096,8192" },
    rows: { type: "string", default: "full,full@codec=bf16,full@activations=int8@codec=bf16,dmc:force=4@codec=bf16" },
    repeats: { type: "string", default: "3" },
    decode: { type: "string", default: "64" },
    threads: { type: "string", default: "2" },
    model: { type: "string", default: join(process.env.KVFOLD_SHARED ?? join(root, "..", "shared"), name) },
    out: { type: "string" },
  },
});
const { model } = given;
const list = (text) => text.split(",");
const depths = list(given.depths).map(Number);
const [repeats, decode, threads] = [given.repeats, given.decode, given.threads].map(Number);
const complete = Object.keys(given).every((key) => !process.argv.some((word) => word.split("=")[0] === `--${key}`));
const out = given.out ?? (complete ? fileURLToPath(new URL("../results/peers.json", import.meta.url)) : undefined);

if (!existsSync(model)) {
  console.log(
    `Skipped, nothing written: needs ${model}; set KVFOLD_SHARED to the folder that has models/, or --model.`,
  );
} else {
  const where = machine();
  const folder = mkdtempSync(join(tmpdir(), "kvfold-peers-"));
  try {
    const formats = [];
    for (const format of list(given.formats)) formats.push(await compare(format, folder));
    if (out !== undefined)
      write({ ...where, model: basename(model), prefill: PREFILL, decode, threads, repeats, formats });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** All rows on one format of the model. */
async function compare(format, folder) {
  const file = await fileOf(format, folder);
  const options = { file, threads, chunk: PREFILL };
  const engines = [await startEngine("llama-engine.mjs", options)];
  for (const row of list(given.rows))
    engines.push(await startEngine("kvfold-engine.mjs", { ...options, ...parseRow(row) }));
  const rows = ["llama.cpp", ...list(given.rows)];
  const agreements = await agreement(engines, model);
  printHead(format, agreements, rows);
  const results = [];
  for (const depth of depths) {
    for (const engine of engines) await engine.call("prepare", depth, PREFILL + decode);
    const samples = await rounds(engines, depth);
    for (const engine of engines) await engine.call("release", depth);
    const entries = summarise(rows, samples, PREFILL);
    for (const entry of entries) print(depth, entry);
    results.push({ depth, rows: entries, loadAfter: loadavg()[0] });
  }
  for (const engine of engines) engine.close();
  return { format, engines: engines.map(({ description }) => description), agreement: agreements, results };
}

/** Engines take turns, in the other order every second round, so that what disturbs the machine disturbs all of them. */
async function rounds(engines, depth) {
  const samples = engines.map(() => []);
  for (let round = 0; round <= repeats; round++) {
    const order = engines.map((_, i) => (round % 2 === 0 ? i : engines.length - 1 - i));
    for (const i of order) {
      const sample = await engines[i].call("measure", depth, PREFILL, decode);
      if (round > 0) samples[i].push(sample); // the first round warms up
    }
  }
  return samples;
}

async function fileOf(format, folder) {
  if (model.includes(`.${format}.`)) return model;
  const file = join(folder, `${format}.gguf`);
  await convertToGguf(model, file, { weights: format });
  return file;
}

/** `full@codec=bf16` to `{ policy: "full", codec: "bf16" }`. */
function parseRow(row) {
  const [policy, ...settings] = row.split("@");
  return { policy, ...Object.fromEntries(settings.map((setting) => setting.split("="))) };
}

function write(results) {
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(out, `${JSON.stringify(results, null, 2)}\n`);
  console.log(`\nwritten: ${out}`);
}
