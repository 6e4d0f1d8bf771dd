import { expect, it } from "vitest";
import { describeGolden, type Golden } from "../../test/golden.js";
import { CacheContent, runCache } from "../../test/run-cache.js";
import { tolerances } from "../../test/tolerances.js";
import { decisionChannel } from "../decide.js";
import { dmc } from "../dmc.js";

for (const file of ["decode_mha.safetensors", "decode_gqa.safetensors"]) {
  describeGolden(file, (golden) => {
    it.each(golden.cases(/^(.+)\.out$/))("%s: token by token", (kind) => {
      const { rows, kvHeads, tokens, headDim } = sizes(golden);
      const steps: CacheContent[] = [];
      const { cache, out } = runCache(policyOf(golden, kind), inputsOf(golden), 1, (c) =>
        steps.push(new CacheContent(c)),
      );
      golden.close(`${kind}.out`, out, tolerances.states);
      const lanes = Array.from({ length: rows * kvHeads }, (_, lane) => lane);
      const perToken = (value: (step: CacheContent, lane: number, t: number) => number | number[]) =>
        lanes.flatMap((lane) => steps.flatMap((step, t) => value(step, lane, t)));
      const entries = (step: CacheContent | undefined, lane: number) => step?.lengths[lane] ?? 0;
      golden.exact("cache_len", perToken(entries));
      golden.exact(
        "slot",
        perToken((step, lane) => entries(step, lane) - 1),
      );
      golden.exact(
        "merged",
        perToken((step, lane, t) => (entries(step, lane) > entries(steps[t - 1], lane) ? 0 : 1)),
      );
      golden.exact(
        "segment_len",
        perToken((step, lane) => step.openTokens()[lane] ?? 0),
      );
      const newest = (part: "keys" | "values") =>
        perToken((step, lane) => step.newest(part).slice(lane * headDim, (lane + 1) * headDim));
      golden.close(`${kind}.k_written`, newest("keys"), tolerances.states);
      golden.close(`${kind}.v_written`, newest("values"), tolerances.states);
      const neuron = decisionChannel("last", headDim);
      expect(newest("keys").filter((x, i) => i % headDim === neuron && x !== 0)).toEqual([]);
      golden.close(
        `${kind}.z`,
        perToken((step, lane, t) => openSums(step, lane, t, headDim)[2 * headDim] ?? 0),
        tolerances.states,
      );
      expect(steps.length).toBe(tokens);
      cache.dispose();
    });

    it.each(golden.cases(/^(.+)\.out$/).flatMap((kind) => [1, 17, 60].map((chunk) => [kind, chunk] as const)))(
      "%s: outputs and final state in chunks of %i",
      (kind, chunk) => {
        const { rows, kvHeads, tokens, headDim } = sizes(golden);
        const { cache, out } = runCache(policyOf(golden, kind), inputsOf(golden), chunk);
        golden.close(`${kind}.out`, out, tolerances.states);
        const stats = cache.stats().layers[0];
        const ratios = stats?.entries.flatMap((heads) => heads.map((n) => tokens / n)) ?? [];
        golden.close("compression_ratio", ratios, { absolute: 0, relative: 2 ** -23 });
        const content = new CacheContent(cache);
        cache.dispose();
        const lanes = Array.from({ length: rows * kvHeads }, (_, lane) => lane);
        const sums = lanes.map((lane) => openSums(content, lane, tokens - 1, headDim));
        const [key, value, weight] = [
          [0, headDim],
          [headDim, 2 * headDim],
          [2 * headDim, 2 * headDim + 1],
        ] as const;
        const pick = (rows: number[][], [from, to]: readonly [number, number]) =>
          rows.flatMap((row) => row.slice(from, to));
        golden.close(`${kind}.final_sum_k`, pick(sums, key), tolerances.states);
        golden.close(`${kind}.final_sum_v`, pick(sums, value), tolerances.states);
        if (policyWindow(golden, kind) === null) return;
        const rings = lanes.flatMap((lane) => content.sums(lane, headDim));
        golden.close(`${kind}.final_ring_k`, pick(rings, key), tolerances.states);
        golden.close(`${kind}.final_ring_v`, pick(rings, value), tolerances.states);
        golden.close(`${kind}.final_ring_omega`, pick(rings, weight), tolerances.states);
        const padded = (part: "keys" | "values") =>
          lanes.flatMap((lane) => {
            const held = content.entries(part, lane);
            return [...held, ...new Array<number>(tokens * headDim - held.length).fill(0)];
          });
        golden.close(`${kind}.final_k_cache`, padded("keys"), tolerances.states);
        golden.close(`${kind}.final_v_cache`, padded("values"), tolerances.states);
      },
    );
  });
}

function sizes(golden: Golden) {
  const [rows = 0, kvHeads = 0, tokens = 0, headDim = 0] = golden.shape("k");
  return { rows, kvHeads, tokens, headDim };
}

function inputsOf(golden: Golden) {
  const theta = golden.setting("rope_theta");
  return { q: golden.tensor("q"), k: golden.tensor("k"), v: golden.tensor("v"), theta };
}

function policyWindow(golden: Golden, kind: string): number | null {
  return kind === "win" ? golden.setting("window") : null;
}

function policyOf(golden: Golden, kind: string) {
  const [offset, epsilon] = [golden.setting("c"), golden.setting("eps")];
  return dmc({ offset, epsilon, window: policyWindow(golden, kind) });
}

/** Weighted sums (key, value, weight) of the open segment's tokens that its average counts, after the token at t. */
function openSums(content: CacheContent, lane: number, t: number, headDim: number): number[] {
  const rows = content.sums(lane, headDim);
  const window = rows.length;
  const members = rows.filter((_, slot) => {
    const age = (((t - slot) % window) + window) % window;
    return window === 1 || age < (content.openTokens()[lane] ?? 0);
  });
  return (rows[0] ?? []).map((_, i) => members.reduce((sum, row) => sum + (row[i] ?? 0), 0));
}
