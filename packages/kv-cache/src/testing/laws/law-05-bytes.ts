import * as tf from "@tensorflow/tfjs-core";
import { type KvCache, liveBytesOf } from "../../kv-cache.js";
import { allocatedByStores } from "../../store-registry.js";
import type { Law } from "../law.js";
import { type Bench, overCases } from "../over-cases.js";

/** Law 5: `liveBytes` is what the allocator holds, at every step; nothing is left after dispose. */
export const bytesLaw: Law = {
  number: 5,
  title: "liveBytes equals what the allocator holds at every step; 0 after dispose; no tensor is left by a step",
  check: (subject) => overCases(subject, { cases: 3, seed: 5000 }, countBytes),
};

function countBytes(bench: Bench): string[] {
  const violations: string[] = [];
  bench.rope?.dispose();
  const before = { ...tf.memory() };
  const pagesBefore = allocatedByStores();
  const run = bench.run();
  const tensors = tf.memory().numTensors - before.numTensors;
  const check = (when: string, caches: KvCache[], shared = false) => {
    bench.rope?.dispose(); // angles are remembered there and belong to no cache
    const inTensors = tf.memory().numBytes - before.numBytes;
    const inPages = (allocatedByStores() ?? 0) - (pagesBefore ?? 0);
    const held = inTensors + inPages;
    const said = liveBytesOf(caches);
    const stated = caches.reduce((sum, cache) => sum + cache.stats().liveBytes, 0);
    if (caches.length === 1 && stated !== said)
      violations.push(`${when}: stats say ${stated} bytes, liveBytes ${said}`);
    // stores with an allocator of their own say what they hold, shared or not
    if (pagesBefore !== undefined) {
      if (held !== said) violations.push(`${when}: liveBytes is ${said}, the allocator holds ${held}`);
      return;
    }
    // numBytes counts a shared buffer once for each tensor; where some are shared, count the buffers themselves
    const buffers = new Set(caches.flatMap((cache) => [...cache.buffers().keys()])).size;
    const heldBuffers = tf.memory().numDataBuffers - before.numDataBuffers;
    if (buffers !== heldBuffers) violations.push(`${when}: ${buffers} buffers are counted, ${heldBuffers} are held`);
    if (!shared && held !== said) violations.push(`${when}: liveBytes is ${said}, the allocator holds ${held}`);
  };
  const left = (when: string) => {
    const extra = tf.memory().numTensors - before.numTensors - tensors;
    if (extra !== 0) violations.push(`${when}: ${extra} more tensors than an empty cache has`);
  };
  check("empty", [run.cache]);
  run.feed(bench.case.lengths.map(() => 3));
  check("after a chunk", [run.cache]);
  for (let t = 0; t < 4; t++) {
    run.feed(run.remaining.map((count, row) => (count > 0 && (row + t) % 3 !== 2 ? 1 : 0)));
    check(`after step ${t}`, [run.cache]);
    left(`after step ${t}`);
  }
  const fork = run.branch(bench.track(run.cache.fork()));
  check("forked", [run.cache, fork.cache], true);
  fork.feed(fork.remaining.map((count) => Math.min(count, 1)));
  check("fork written", [run.cache, fork.cache], true);
  fork.cache.dispose();
  check("fork disposed", [run.cache]);
  left("fork disposed");
  run.cache.checkpoint();
  check("checkpoint", [run.cache], true);
  run.feed(run.remaining.map((count) => Math.min(count, 2)));
  check("after a checkpoint", [run.cache]);
  run.cache.dropCheckpoints();
  check("checkpoints dropped", [run.cache]);
  run.add([0]);
  run.feed(run.remaining.map((_, row) => (row === run.remaining.length - 1 ? 2 : 0)));
  check("row added", [run.cache]);
  run.select([run.remaining.length - 1]);
  check("rows selected", [run.cache]);
  run.cache.reset();
  check("reset", [run.cache]);
  left("reset");
  run.cache.dispose();
  bench.rope?.dispose();
  const after = tf.memory();
  if (run.cache.liveBytes !== 0) violations.push(`liveBytes is ${run.cache.liveBytes} after dispose`);
  if (allocatedByStores() !== pagesBefore) violations.push("dispose left pages with the allocator");
  if (after.numBytes !== before.numBytes || after.numTensors !== before.numTensors) {
    violations.push(`dispose left ${after.numTensors - before.numTensors} tensors`);
  }
  return violations;
}
