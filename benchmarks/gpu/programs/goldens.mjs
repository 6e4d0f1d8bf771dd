// Whole models on `cuda`: a tiny Llama with DMC against PyTorch's logits, and the bundled model against the backend `cpu`.
//   goldens.mjs GOLDENS-FOLDER DEMO-MODEL-FOLDER
import "@tensorflow/tfjs-backend-cpu";
import { join } from "node:path";
import { openSafetensors } from "@kvfold/core";
import { dmc } from "@kvfold/dmc";
import { full } from "@kvfold/kv-cache";
import { dmcOptionsFromRetrofit, loadLocalModel } from "@kvfold/models";
import * as tf from "@tensorflow/tfjs-core";
import { goldenDecoder, goldenRows, largestDifference } from "../../../packages/models/src/goldens/golden-model.js";
import { reportChecks } from "./report.mjs";
import { useCuda } from "./use-cuda.mjs";

/** As the goldens' README and the tests of these models say. */
const tolerance = 1e-4;
const [goldens, demo] = process.argv.slice(2);
const failures = [];
let passed = 0;
const judge = (what, difference) => {
  if (difference <= tolerance) passed++;
  else failures.push(`${what}: logits differ by ${difference}, more than ${tolerance}`);
};

await useCuda();
const golden = openSafetensors(join(goldens, "expected.safetensors"));
const decoder = goldenDecoder(goldens);
const ids = goldenRows(golden, "input_ids");
const runs = [
  ["hard.logits", dmc(dmcOptionsFromRetrofit(decoder.config.retrofit))],
  ["append_only.logits", full()],
];
for (const [name, policy] of runs) {
  for (const chunk of [1, 7, 48]) {
    const cache = decoder.createCache(policy, ids.length);
    const parts = [];
    for (let at = 0; at < ids[0].length; at += chunk) {
      const part = ids.map((row) => row.slice(at, at + chunk));
      parts.push(decoder.forward(cache, part, { logits: "all" }));
    }
    judge(`tiny Llama, ${name}, chunks of ${chunk}`, largestDifference(tf.concat(parts, 1), golden, name));
    cache.dispose();
  }
}

const logitsOf = async (backend) => {
  await tf.setBackend(backend);
  const model = await loadLocalModel(demo);
  const cache = model.createCache(full());
  const tokens = Array.from({ length: 64 }, (_, i) => 100 + ((i * 7919) % (model.config.vocabSize - 100)));
  return [await model.forward(cache, [tokens]).data(), await model.forward(cache, [[101]]).data()];
};
const wanted = await logitsOf("cpu");
const found = await logitsOf("cuda");
["a prompt of 64", "a step after it"].forEach((what, i) => {
  const far = found[i].map((logit, at) => Math.abs(logit - wanted[i][at]));
  judge(
    `bundled model, ${what}`,
    far.reduce((a, b) => Math.max(a, b), 0),
  ); // a NaN stays
});
reportChecks("goldens", { passed, failures });
