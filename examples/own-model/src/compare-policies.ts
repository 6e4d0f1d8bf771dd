import { dmc } from "@kvfold/dmc";
import { type CachePolicy, full, h2o, tova, window } from "@kvfold/kv-cache";
import { OwnModel } from "./own-model.js";

const prompt = Array.from({ length: 100 }, (_, i) => (i * i + 7 * i) % 64);
const newTokens = 60;

interface Run {
  readonly tokens: readonly number[];
  readonly row: readonly string[];
}

/** Writes the same text under several policies; one argument differs. Returns a table. */
export function comparePolicies(): string {
  const model = new OwnModel();
  // the model was not retrofitted for dmc: at a threshold this low it merges about a third of its tokens, by chance
  const policies = [
    full(),
    window({ recent: 60 }),
    h2o({ budget: 64 }),
    tova({ budget: 64 }),
    dmc({ threshold: 0.008 }),
  ];
  const runs = policies.map((policy) => write(model, policy));
  model.dispose();
  const reference = runs[0] as Run;
  const rows = runs.map(({ tokens, row }) => {
    const same = tokens.filter((token, i) => token === reference.tokens[i]).length;
    return [...row, `${same}/${newTokens}`];
  });
  const header = ["policy", "tokens", "entries", "CR", "live kB", "as full"];
  return [header, ...rows]
    .map(([first = "", ...rest]) => first.padEnd(28) + rest.map((x) => x.padStart(9)).join(""))
    .join("\n");
}

function write(model: OwnModel, policy: CachePolicy): Run {
  using cache = model.createCache(policy);
  const tokens: number[] = [];
  let next = greedy(model, cache, prompt);
  while (tokens.length < newTokens) {
    tokens.push(next);
    next = greedy(model, cache, [next]);
  }
  const { entries, compressionRatio, liveBytes, tokens: read } = cache.stats();
  const row = [policy.name, `${read}`, `${entries}`, compressionRatio.toFixed(2), (liveBytes / 1000).toFixed(1)];
  return { tokens, row };
}

function greedy(model: OwnModel, cache: Parameters<OwnModel["forward"]>[0], tokens: readonly number[]): number {
  const logits = model.forward(cache, tokens);
  const values = logits.dataSync<"float32">();
  logits.dispose();
  return values.indexOf(Math.max(...values));
}
