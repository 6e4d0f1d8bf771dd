import * as tf from "@tensorflow/tfjs-core";

/**
 * Lets every row of a cache hold random tokens up to a depth: they are decided on and written as those of a prompt, but no model
 * makes them and nobody attends to them, which would take longer than what is measured.
 *
 * @param chunkBytes of keys that are made at once; queries, values and merging states take up to four times that beside them
 */
export function fillCache(cache, depth, { rope, chunkBytes }) {
  const { layers, queryHeads, kvHeads, headDim } = cache.options;
  const rows = cache.tokens.map((_, row) => row);
  const most = Math.max(1, Math.floor(chunkBytes / (4 * rows.length * kvHeads * headDim)));
  for (let at = cache.tokens[0]; at < depth; ) {
    const tokens = Math.min(most, depth - at);
    tf.tidy(() => {
      const random = (heads, seed) => tf.randomNormal([1, heads, tokens, headDim], 0, 1, "float32", seed + at);
      const of = (heads, seed) => tf.tile(random(heads, seed), [rows.length, 1, 1, 1]);
      const tensors = { q: of(queryHeads, 1), k: of(kvHeads, 2), v: of(kvHeads, 3) };
      const step = { rows, tokens, lengths: rows.map(() => tokens), starts: rows.map(() => at) };
      for (let i = 0; i < layers; i++) {
        const layer = cache.layer(i);
        const site = { rope, scale: headDim ** -0.5, window: undefined, borrowed: layer.policy.traits.borrowed };
        layer.store.write(step, tensors, layer.policy.decide({ ...tensors, step }), site);
        layer.store.finish();
        layer.tokens = rows.map(() => at + tokens);
      }
    });
    at += tokens;
  }
}
