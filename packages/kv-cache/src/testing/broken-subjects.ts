import * as tf from "@tensorflow/tfjs-core";
import { full } from "../policies/full.js";
import { h2o } from "../policies/h2o.js";
import { tova } from "../policies/tova.js";
import { uniformPolicy } from "../policies/uniform-policy.js";
import { window } from "../policies/window.js";
import type { CachePolicy, LayerPolicy, LayerShape } from "../policy.js";
import { ReferenceSnapshot } from "../reference-store/reference-snapshot.js";
import { ReferenceStore } from "../reference-store/reference-store.js";
import type { LayerStore, StoreFactory } from "../store.js";
import type { LawSubject } from "./law.js";

/** A policy or store with one planted mistake. */
export interface BrokenSubject {
  /** Number of the law that must find it. */
  readonly law: number;
  readonly subject: LawSubject;
  /** What the law says about it. */
  readonly finding: RegExp;
}

const shape: LayerShape = { layer: 0, layers: 2, queryHeads: 2, kvHeads: 1, headDim: 4 };

/** A policy whose layers are those of another one with something changed. */
function changed(policy: CachePolicy, change: (layer: LayerPolicy) => Partial<LayerPolicy>): () => CachePolicy {
  const layer = policy.forLayer(shape);
  return () => uniformPolicy(policy.name, { ...layer, ...change(layer) }, policy.estimate);
}

/** The reference store with something changed. */
function spoiled(change: (store: LayerStore) => Partial<LayerStore>): StoreFactory {
  return (options) => {
    const store = new ReferenceStore(options);
    return Object.assign(store, change(store));
  };
}

/** A policy that counts its steps in itself, so that all caches under it share the count. */
function countingPolicy(): CachePolicy {
  let steps = 0;
  return changed(full(), ({ traits }) => ({
    traits: { ...traits, columns: ["position"], lossless: false, chunking: "defines" },
    evictAfter: () => (++steps % 5 === 0 ? { op: "drop-range", from: 0, keepLast: 2 } : undefined),
  }))();
}

/** Merges every token with a weight of nothing. */
function weightless(): CachePolicy {
  const zero = (k: tf.Tensor4D) => tf.zeros<tf.Rank.R3>([k.shape[0], k.shape[1], k.shape[2]]);
  return uniformPolicy(
    "weightless",
    {
      traits: { rotation: "at-write", columns: ["position"], mergeWindow: 4, lossless: false, chunking: "exact" },
      decide: ({ k }) => ({ op: "merge", merge: zero(k), omega: zero(k) }),
    },
    (tokens, { kvHeads }) => ({ entries: tokens * kvHeads, columns: 1, stateBytes: 0 }),
  );
}

const shiftPositions = spoiled((store) => {
  const write = store.write.bind(store);
  return {
    write: (step, ...rest) =>
      write({ ...step, starts: step.starts.map((start) => start + (start > 2 ? 1 : 0)) }, ...rest),
  };
});

/** At least one for every law: the suite's own test. */
export const brokenSubjects: readonly BrokenSubject[] = [
  {
    law: 1,
    subject: {
      name: "claims that its chunks do not matter",
      policy: changed(h2o({ budget: 6 }), ({ traits }) => ({ traits: { ...traits, chunking: "exact" } })),
    },
    finding: /whole prompt, row 0: differs/,
  },
  {
    law: 2,
    subject: {
      name: "claims that nothing is lost",
      policy: changed(window({ sinks: 1, recent: 3 }), ({ traits }) => ({ traits: { ...traits, lossless: true } })),
    },
    finding: /crop anywhere, row \d: differs/,
  },
  {
    law: 2,
    subject: {
      name: "a store that crops one entry too few",
      policy: full,
      store: spoiled((store) => {
        const crop = store.crop.bind(store);
        return { crop: (entries) => crop(entries.map((n) => n + 1)) };
      }),
    },
    finding: /crop anywhere, row \d: differs/,
  },
  {
    law: 3,
    subject: { name: "keeps its count in the policy", policy: countingPolicy },
    finding: /fork, row \d: differs/,
  },
  {
    law: 3,
    subject: {
      name: "a store whose copies cost memory",
      policy: full,
      store: spoiled((store) => {
        const exportState = store.exportState.bind(store);
        return {
          snapshot: () => {
            const { tensors, lengths } = exportState();
            const copies = Object.entries(tensors).map(([name, x]) => [
              name,
              tf.keep(tf.tidy(() => tf.add(x, tf.zerosLike(x)))),
            ]);
            tf.dispose(tensors);
            return new ReferenceSnapshot({ tensors: Object.fromEntries(copies), lengths });
          },
        };
      }),
    },
    finding: /a fork that nobody has written to costs \d+ bytes/,
  },
  {
    law: 4,
    subject: {
      name: "scores with the mean of the batch",
      policy: changed(tova({ budget: 5 }), () => ({
        observe: ({ mass, step }) => ({
          mass: tf.tile(tf.mean(mass as tf.Tensor3D, 0, true), [step.rows.length, 1, 1]) as tf.Tensor3D,
        }),
      })),
    },
    finding: /in row \d of a changing batch: differs/,
  },
  {
    law: 5,
    subject: {
      name: "a store that forgets its columns when it counts",
      policy: () => h2o({ budget: 6 }),
      store: spoiled((store) => {
        const buffers = store.buffers.bind(store);
        return { buffers: () => new Map([...buffers()].slice(1)) };
      }),
    },
    finding: /liveBytes is \d+, the allocator holds \d+/,
  },
  {
    law: 5,
    subject: {
      name: "a store that leaks a tensor a step",
      policy: full,
      store: spoiled((store) => {
        const finish = store.finish.bind(store);
        return {
          finish: () => {
            tf.keep(tf.scalar(0));
            finish();
          },
        };
      }),
    },
    finding: /more tensors than an empty cache has/,
  },
  {
    law: 6,
    subject: {
      name: "keeps one more than its budget",
      policy: changed(tova({ budget: 5 }), () => ({
        evictAfter: (context) => ({ op: "drop-lowest", scores: context.column("mass"), keep: 6 }),
      })),
      budget: 5,
    },
    finding: /holds 6 entries, its budget is 5/,
  },
  {
    law: 7,
    subject: {
      name: "a store that saves no masses",
      policy: () => h2o({ heavy: 5, recent: 1 }),
      store: spoiled((store) => {
        const exportState = store.exportState.bind(store);
        return {
          exportState: () => {
            const { tensors, lengths } = exportState();
            tensors.mass?.dispose();
            return { tensors: { ...tensors, mass: tf.keep(tf.zeros([lengths.reduce((a, b) => a + b, 0)])) }, lengths };
          },
        };
      }),
    },
    finding: /continued from the file, row \d: differs/,
  },
  {
    law: 8,
    subject: {
      name: "a store with another scale",
      policy: full,
      store: spoiled((store) => {
        const attend = store.attend.bind(store);
        return { attend: (step, tensors, site) => attend(step, tensors, { ...site, scale: site.scale * 1.001 }) };
      }),
    },
    finding: /row 0: differs/,
  },
  {
    law: 9,
    subject: {
      name: "a store that blanks a channel nobody declared",
      policy: full,
      allAppend: full,
      store: spoiled((store) => {
        const attend = store.attend.bind(store);
        const borrowed = { channel: 0, queries: "all", keys: true } as const;
        return { attend: (step, tensors, site) => attend(step, tensors, { ...site, borrowed }) };
      }),
    },
    finding: /row 0: differs/,
  },
  {
    law: 9,
    subject: { name: "drops all the same", policy: full, allAppend: () => window({ sinks: 0, recent: 5 }) },
    finding: /entries of \d+ tokens, CR [^1]/,
  },
  {
    law: 10,
    subject: {
      name: "hides states in training that decoding sees",
      policy: changed(full(), () => ({
        training: ({ q, k, v }) => ({
          q,
          k,
          v,
          columnBias: tf.fill([k.shape[0], k.shape[1], k.shape[2]], -1) as tf.Tensor3D,
          auxiliary: {},
        }),
      })),
    },
    finding: /document 0: differs/,
  },
  {
    law: 11,
    subject: {
      name: "a store that counts positions wrongly",
      policy: () => window({ sinks: 1, recent: 6 }),
      store: shiftPositions,
    },
    finding: /not (that of|rotated by)/,
  },
  {
    law: 11,
    subject: {
      name: "re-indexes without saying so",
      policy: changed(window({ sinks: 1, recent: 3, prefill: "full" }), ({ traits }) => ({
        traits: { ...traits, rotation: "at-read" },
      })),
      store: (options) => new ReferenceStore({ ...options, traits: { ...options.traits, readPosition: "slot" } }),
    },
    finding: /query head \d: differs/,
  },
  { law: 12, subject: { name: "weighs with 0", policy: weightless }, finding: /an output of row \d is NaN/ },
];
