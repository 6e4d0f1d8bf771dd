import { chooseBackend, openSafetensors } from "@kvfold/core";
import { sharedPath, skipReason } from "@kvfold/core/testing";
import { full } from "@kvfold/kv-cache";
import { loadLocalModel } from "@kvfold/models";
import { expect, it } from "vitest";
import { evaluateText } from "./evaluate-text.js";

const model = "models/SmolLM2-135M-Instruct/SmolLM2-135M-Instruct.Q4_1.gguf";
const goldens = "goldens/smollm2/golden.safetensors";
const missing = [model, goldens].find((path) => sharedPath(path) === undefined);
const count = 96;

it.skipIf(missing !== undefined)(
  `gives the perplexity of other people's code (${skipReason(missing ?? model)})`,
  { timeout: 120_000 },
  async () => {
    using golden = openSafetensors(sharedPath(goldens) as string);
    const tokens = (golden.read("wikitext2.ids") as Int32Array).subarray(0, count);
    const losses = golden.readFloat32("wikitext2.nll").subarray(0, count - 1);
    const mean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
    await chooseBackend();
    using smollm2 = await loadLocalModel(sharedPath(model) as string);
    const [result] = await evaluateText({ model: smollm2, tokens, policies: [full()] });
    expect(Math.log(result?.perplexity as number)).toBeCloseTo(mean, 3);
  },
);
