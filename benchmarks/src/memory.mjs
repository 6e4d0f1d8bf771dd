// What a process holds while it decodes on the native backend: node memory.mjs [MODEL.gguf] [tokens]
//   npm run bench:memory              writes results/memory-SET.json, SET being the instruction set
// 8,192 tokens under the full cache against file + cache + 200 MB, and 10,000 steps under a window, which must not grow.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chooseBackend } from "@kvfold/core";
import { parsePolicy } from "@kvfold/kv-cache";
import { loadLocalModel, modelPolicies } from "@kvfold/models";
import { machine } from "./machine.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const shared = process.env.KVFOLD_SHARED ?? join(root, "..", "shared");
const smollm2 = join(shared, "models/SmolLM2-135M-Instruct/SmolLM2-135M-Instruct.Q4_1.gguf");
const [given, tokens = "8192"] = process.argv.slice(2);
const MB = 1e6;

/** Resident bytes now and at most, of which the file's mapped pages are a part. */
function resident() {
  const status = readFileSync("/proc/self/status", "utf8");
  const kilobytes = (name) => 1024 * Number(new RegExp(`^${name}:\\s*(\\d+)`, "m").exec(status)?.[1]);
  return { now: kilobytes("VmRSS"), most: kilobytes("VmHWM") };
}

const where = machine();
const { detail } = await chooseBackend({ prefer: "native" });
const folder = mkdtempSync(join(tmpdir(), "kvfold-memory-"));
try {
  const results = { ...where, backend: detail };
  const file = given ?? (existsSync(smollm2) ? join(folder, "Q8_0.gguf") : undefined);
  if (file === undefined) console.log(`Skipped: needs ${smollm2}; set KVFOLD_SHARED, or give a .gguf file.`);
  else {
    if (given === undefined) convert(smollm2, file);
    results.full = await decode(file, "full", Number(tokens));
    const { most, liveBytes, fileBytes } = results.full;
    const limit = fileBytes + liveBytes + 200 * MB;
    const words = `${(most / MB).toFixed(0)} MB at most; file + cache + 200 MB is ${(limit / MB).toFixed(0)} MB`;
    console.log(`full, ${tokens} tokens: ${words}${most <= limit ? "" : "  TOO MUCH"}`);
  }
  results.steady = await decode(join(root, "packages/demo-model/plain"), "window:sinks=4,recent=252", 10000);
  const { at2000, now } = results.steady;
  console.log(
    `window, 10,000 steps: ${(at2000 / MB).toFixed(1)} MB after 2,000, ${(now / MB).toFixed(1)} MB at the end`,
  );
  if (given === undefined && file !== undefined) {
    const out = fileURLToPath(new URL(`../results/memory-${detail.split(",")[0]}.json`, import.meta.url));
    writeFileSync(out, `${JSON.stringify(results, null, 2)}\n`);
    console.log(`written: ${out}`);
  }
} finally {
  rmSync(folder, { recursive: true });
}

/** Makes the Q8_0 file in a process of its own, whose memory is not counted here. */
function convert(from, to) {
  const command = join(root, "packages/cli/dist/bin.js");
  execFileSync(process.execPath, [command, "convert", from, to, "--weights", "Q8_0"], { stdio: "ignore" });
}

async function decode(path, spec, count) {
  const model = await loadLocalModel(path);
  const policy = parsePolicy(spec, modelPolicies(model.config));
  const generation = model.generate([100], { policy, maxTokens: count, ignoreEos: true });
  let at2000;
  let done = 0;
  for await (const _ of generation) if (++done === 2000) at2000 = resident().now;
  const { liveBytes } = (await generation.result()).stats.cache;
  const fileBytes = statSync(path).isFile() ? statSync(path).size : undefined;
  const result = { spec, tokens: count, ...resident(), at2000, liveBytes, fileBytes };
  model.dispose();
  return result;
}
