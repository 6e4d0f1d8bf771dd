// The child's side: an engine answers messages of its parent, one at a time. Each engine has a process of its own, so that
// neither memory nor thread pools of one disturb another; while one works, the others wait in the event loop.

/**
 * @param engine
 *   describe()                       what it is, for the results
 *   prepare(depth)                   makes a context that holds `depth` tokens; not timed
 *   measure(depth, prefill, decode)  on top of it: one chunk of `prefill` tokens, then, on `depth` again, `decode` single
 *                                    tokens: { prefillMs, stepsMs, ... }
 *   score(tokens)                    { nll, top }: -log p of each token after the first, and the likeliest one instead
 *   release(depth)                   frees the context
 */
export function serve(engine) {
  process.on("message", async ({ call, args }) => {
    try {
      process.send({ value: await engine[call](...args) });
    } catch (error) {
      process.send({ error: error.stack ?? String(error) });
    }
  });
  process.on("disconnect", () => process.exit(0));
  process.send({ value: engine.describe() });
}

/** Tokens of no meaning, the same for every engine: what they are does not change the work. */
export function tokensAt(start, count, vocabulary) {
  return Uint32Array.from({ length: count }, (_, i) => 100 + (((start + i) * 7919) % (vocabulary - 100)));
}

export async function milliseconds(work) {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** From the logits after each token but the last: -log p of the token that follows, and the likeliest token. */
export function scoreRows(rows, tokens) {
  const largest = rows.map((row) => row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY));
  const nll = rows.map((row, i) => {
    const sum = row.reduce((total, logit) => total + Math.exp(logit - largest[i]), 0);
    return largest[i] + Math.log(sum) - row[tokens[i + 1]];
  });
  return { nll, top: rows.map((row, i) => row.indexOf(largest[i])) };
}
