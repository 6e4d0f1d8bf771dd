import type { Attended } from "../../store.js";
import { compareOutputs } from "../compare-outputs.js";
import type { TextTokens } from "../draw-texts.js";
import { attendOnHost, blankedChannel, turnOnHost, vectorAt } from "../host-attention.js";
import type { Law } from "../law.js";
import { type LaneView, lookInside, type ViewedStep } from "../look-inside.js";
import { type Bench, overCases } from "../over-cases.js";

/** Law 11: RoPE uses the position that the view states: the logical one unless the policy documents re-indexing. */
export const positionsLaw: Law = {
  number: 11,
  title: "every entry is rotated by the position that the view states, and decoding attends to just these entries",
  check: (subject) =>
    overCases(subject, { cases: 4, seed: 11_000, adapt: (c) => ({ ...c, rotates: true }) }, (bench) => {
      const violations: string[] = [];
      const store = lookInside(bench.store, (seen) => violations.push(...checkStep(bench, seen)));
      const run = bench.run(undefined, { store });
      run.feed(bench.case.lengths.map(() => 2));
      run.finish();
      return violations.slice(0, 3);
    }),
};

function checkStep(bench: Bench, seen: ViewedStep): string[] {
  if (seen.step.tokens !== 1) return [];
  return seen.step.rows.flatMap((row, i) => {
    const text = bench.texts[row]?.[seen.layer] as TextTokens;
    return seen.lanes.slice(i * text.kvHeads, (i + 1) * text.kvHeads).flatMap((lane, kvHead) => {
      const where = `layer ${seen.layer}, row ${row}, KV head ${kvHead}, token ${seen.step.starts[i]}`;
      return checkLane(seen, { text, lane, kvHead, row: i, where }, bench.codedTolerance);
    });
  });
}

interface Place {
  readonly text: TextTokens;
  readonly lane: LaneView;
  readonly kvHead: number;
  /** Row of the step. */
  readonly row: number;
  readonly where: string;
}

function checkLane(seen: ViewedStep, place: Place, allowed: number): string[] {
  const { text, lane, kvHead, where } = place;
  const group = text.queryHeads / text.kvHeads;
  const now = seen.step.starts[place.row] as number;
  const bySlot = seen.traits.readPosition === "slot";
  const blanked = blankedChannel(seen.site.borrowed, "keys", kvHead, group);
  const violations: string[] = [];
  const entries = lane.slots.map((slot, index) => {
    const own = expectedEntry(slot.position, place, seen);
    if (own === undefined) {
      violations.push(`${where}: entry ${index} states position ${slot.position}`);
      return slot;
    }
    const readAt = bySlot ? index : slot.position;
    const key = turnOnHost(own.key, readAt, blanked);
    const stored = seen.traits.rotation === "at-write" ? slot.key : turnOnHost(slot.key, readAt, blanked);
    if (apart(slot.value, own.value) > allowed) violations.push(`${where}: entry ${index} is not that of its position`);
    if (apart(stored, key) > allowed) {
      violations.push(`${where}: the key of entry ${index} is not rotated by position ${readAt}`);
    }
    return { ...slot, key, value: own.value };
  });
  const { window } = seen.site;
  const visible = entries.filter(
    ({ position, until }) => now < until && (window === undefined || now - position < window),
  );
  const queryAt = bySlot ? lane.slots.length - 1 : now;
  for (let g = 0; g < group; g++) {
    const head = kvHead * group + g;
    const channel = blankedChannel(seen.site.borrowed, "queries", head, group);
    const query = turnOnHost(vectorAt(text, "q", head, now), queryAt, channel);
    const want = attendOnHost(query, visible);
    violations.push(
      ...compareOutputs(`${where}, query head ${head}`, [outputOf(seen.attended, place.row, head)], [want], allowed),
    );
  }
  return violations;
}

/** The raw key and value that an entry must hold: its token's, or the average of its segment's last tokens. */
function expectedEntry(position: number, place: Place, seen: ViewedStep) {
  const { text, lane, kvHead } = place;
  const members = [position];
  const reach = seen.traits.mergeWindow ?? Number.POSITIVE_INFINITY;
  for (let t = position; t > 0 && lane.merged[t] && members.length < reach; t--) members.push(t - 1);
  if (members.some((t) => t < 0 || t >= text.tokens)) return undefined;
  const mean = (part: "k" | "v") => {
    const sum = new Float64Array(text.headDim);
    let total = 0;
    for (const t of members) {
      const weight = members.length === 1 ? 1 : (lane.omega[t] as number);
      vectorAt(text, part, kvHead, t).forEach((x, i) => {
        sum[i] = (sum[i] as number) + weight * x;
      });
      total += weight;
    }
    return sum.map((x) => x / total);
  };
  return { key: mean("k"), value: mean("v") };
}

function outputOf({ out }: Pick<Attended, "out">, row: number, head: number): Float32Array {
  const [, heads, , headDim] = out.shape;
  const start = (row * heads + head) * headDim;
  return out.dataSync<"float32">().slice(start, start + headDim);
}

function apart(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let worst = 0;
  for (let i = 0; i < a.length; i++) worst = Math.max(worst, Math.abs((a[i] as number) - (b[i] as number)));
  return worst;
}
