// The laws of cache policies on `cuda`: laws.mjs float32|f32|bf16|int8 SECONDS
// "float32" is the default storage of entries, the others name one. What is stored in bf16 or int8 is rounded, so outputs may be
// as far from those over float32 entries as the codec's tolerance; all arithmetic is float32.
import "@tensorflow/tfjs-backend-cpu";
import { dmc } from "@kvfold/dmc";
import { allLaws, ownPolicyRows, storeOpRows } from "@kvfold/kv-cache/testing";
import { report, reportChecks } from "./report.mjs";
import { useCuda } from "./use-cuda.mjs";

const tolerances = { f32: 0.001, bf16: 0.015, int8: 0.03 };
const [codec, seconds] = process.argv.slice(2);
const until = performance.now() + 1000 * Number(seconds);
const paged = codec in tolerances;
await useCuda();

// decisions forced: margins of the model's own decisions need the tests' texts
const rows = [{ policy: () => dmc({ force: 2 }), name: "dmc, forced" }, ...storeOpRows, ...ownPolicyRows];
const title = `laws, ${paged ? `paged store, ${codec}` : "float32"}`;
const failures = [];
let passed = 0;
let skipped = 0;
for (const [i, { name, policy, ...rest }] of rows.entries()) {
  if (performance.now() > until) {
    const reason = `the time was up before ${rows.length - i} of ${rows.length} policies`;
    report({ kind: "left-out", name: title, reason });
    break;
  }
  const subject = { name: name ?? policy().name, policy, ...rest };
  if (paged) subject.codec = { name: codec, tolerance: tolerances[codec] };
  for (const law of allLaws) {
    const outcome = await law.check(subject).catch((error) => ({ violations: [String(error)] }));
    if ("notApplicable" in outcome) skipped++;
    else if (outcome.violations.length === 0) passed++;
    else failures.push(`${subject.name}, law ${law.number}: ${outcome.violations[0]}`);
  }
}
reportChecks(title, { passed, failures, skipped });
