import { createStore, full } from "@kvfold/kv-cache";
import * as tf from "@tensorflow/tfjs-core";
import { expect, it } from "vitest";
import { describeGolden } from "../../test/golden.js";
import { CacheContent, runCache } from "../../test/run-cache.js";
import { tolerances } from "../../test/tolerances.js";
import { decide, decisionLogits } from "../decide.js";
import { dmc } from "../dmc.js";
import { type DmcOptions, resolveDmcOptions } from "../dmc-options.js";
import { gumbelSigmoid, noisyLogits } from "../relaxations/gumbel-sigmoid.js";

describeGolden("decisions.safetensors", (golden) => {
  it.each(golden.cases(/^(.+)\.alpha_hard$/) as ("first" | "last")[])("%s neuron", (neuron) => {
    const options: DmcOptions = { neuron, offset: golden.setting("c"), epsilon: golden.setting("eps") };
    const [q, k] = [golden.tensor("q"), golden.tensor("k")];
    const logits = decisionLogits(q, k, resolveDmcOptions(options));
    golden.close(`${neuron}.logit_raw`, logits.merge, tolerances.decisions);
    golden.close(`${neuron}.omega_logit`, logits.importance, tolerances.decisions);

    const decisions = decide(q, k, resolveDmcOptions(options));
    golden.exact(`${neuron}.alpha_hard`, decisions.merge);
    golden.close(`${neuron}.omega`, decisions.omega, tolerances.decisions);
    const omega = (epsilon: number) => decide(q, k, resolveDmcOptions({ ...options, epsilon })).omega;
    golden.close(`${neuron}.omega_noeps`, omega(0), tolerances.decisions);
    golden.close(`${neuron}.omega_eps23`, omega(2 ** -23), tolerances.decisions);

    const tau = golden.setting("tau");
    const noise = tf.sub(golden.tensor<tf.Tensor3D>("u1"), golden.tensor<tf.Tensor3D>("u2")) as tf.Tensor3D;
    const relaxation = { temperature: tau, noise: () => noise };
    const context = { seed: 0, step: 0, layer: 0, sequence: 0 };
    golden.close(`${neuron}.logit_noisy`, noisyLogits(logits.merge, context, relaxation), tolerances.logits);
    const { alpha } = gumbelSigmoid(relaxation).decide(logits.merge, context);
    golden.close(`${neuron}.alpha_soft`, alpha, tolerances.decisions);
    golden.exact(`${neuron}.alpha_straight`, tf.cast(tf.greater(alpha, 0.5), "float32"));
  });

  it.each(golden.cases(/^(.+)\.alpha_infer$/) as ("first" | "last")[])(
    "%s neuron: the cache merges as decided, token 0 appends, in any chunking",
    (neuron) => {
      const policy = dmc({ neuron, offset: golden.setting("c"), epsilon: golden.setting("eps") });
      const inputs = { q: golden.tensor("q"), k: golden.tensor("k"), v: golden.tensor("k") };
      const [rows, heads, tokens] = inputs.k.shape;
      const grown: number[][] = [];
      runCache(policy, inputs, 1, (cache) => grown.push([...new CacheContent(cache).lengths])).cache.dispose();
      const merged = Array.from({ length: rows * heads }, (_, lane) =>
        grown.map((lengths, t) => ((lengths[lane] ?? 0) > (grown[t - 1]?.[lane] ?? 0) ? 0 : 1)),
      );
      golden.exact(`${neuron}.alpha_infer`, merged.flat());
      const { cache } = runCache(policy, inputs, tokens);
      expect(new CacheContent(cache).lengths).toEqual(grown[tokens - 1]);
      cache.dispose();
    },
  );

  it.each(golden.cases(/^(.+)\.q_blanked$/) as ("first" | "last")[])("%s neuron: attention blanks it", (neuron) => {
    const [q, k] = [golden.tensor("q"), golden.tensor("k")];
    const [rows, queryHeads, tokens, headDim] = q.shape;
    const shape = { layer: 0, layers: 1, queryHeads, kvHeads: k.shape[1], headDim };
    const { borrowed } = dmc({ neuron }).forLayer(shape).traits;
    const site = { rope: undefined, scale: 1, window: undefined, borrowed };
    const store = createStore({ shape, traits: full().forLayer(shape).traits, rows, codec: "f32" });
    const all = Array.from({ length: rows }, (_, row) => row);
    const step = { rows: all, tokens, lengths: all.map(() => tokens), starts: all.map(() => 0) };
    store.write(step, { q, k, v: k }, { op: "append" }, site);
    golden.exact(`${neuron}.k_blanked`, store.entries(step, "keys"));
    golden.exact(`${neuron}.q_blanked`, store.attend(step, { q, k, v: k }, site).q);
    store.dispose();
  });
});
