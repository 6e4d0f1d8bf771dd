// Copies what a run told into benchmarks/results/retrofit/logs: every step, numbers rounded to five digits, and the
// decisions of each head every 20 steps.
//
//     node benchmarks/src/retrofit/collect-logs.mjs RUNS-FOLDER
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error("usage: node benchmarks/src/retrofit/collect-logs.mjs RUNS-FOLDER");
  process.exit(2);
}
const out = fileURLToPath(new URL("../../results/retrofit/logs/", import.meta.url));
mkdirSync(out, { recursive: true });

for (const name of readdirSync(folder)) {
  const path = join(folder, name, "events.jsonl");
  if (!existsSync(path)) continue;
  const lines = readFileSync(path, "utf8").trim().split("\n");
  const kept = lines.map((line) => {
    const { steps: _, secondsLeft: __, path: ___, ...event } = JSON.parse(line);
    if (event.type === "step" && event.step % 20 !== 0) delete event.merged;
    return JSON.stringify(event, (_key, value) => (typeof value === "number" ? Number(value.toPrecision(5)) : value));
  });
  writeFileSync(join(out, `${name}.jsonl`), `${kept.join("\n")}\n`);
  console.log(`${name}: ${lines.length} events`);
}
