import { existsSync, readFileSync } from "node:fs";
import * as tf from "@tensorflow/tfjs-core";
import { multiplyBf16 } from "../../../packages/kernels-cuda/src/matrix/multiply-bf16.js";
import { parseResults } from "../summary.mjs";
import { report } from "./report.mjs";

/**
 * What the device reads and multiplies at, measured now; the read ceiling that `device-tests` measured in the same run counts
 * where it is higher. `side` is that of the square matrices, `numbers` what is read.
 */
export function measureCeilings({ side = 8192, numbers = 2 ** 29, results } = {}) {
  const backend = tf.backend();
  const { engine } = backend;
  const source = tf.zeros([1024, numbers / 1024]);
  const measured = { readGBs: (4 * numbers) / best(() => tf.max(source, 1), engine) / 1e6 };
  source.dispose();
  const [a, b, out] = [0, 0, 0].map(() => tf.zeros([side, side]));
  const [left, right, product] = [a, b, out].map((tensor) => backend.address(tensor));
  const multiply = {
    a: left,
    b: right,
    out: product,
    m: side,
    n: side,
    k: side,
    transposeA: false,
    transposeB: true,
    batch: 1,
    aStep: 0,
    bStep: 0,
  };
  const ms = best(() => multiplyBf16(backend, multiply), engine);
  tf.dispose([a, b, out]);
  const known = existsSync(results ?? "") ? parseResults(readFileSync(results, "utf8")) : [];
  const reads = known.filter(({ kind, what }) => kind === "ceiling" && what === "read");
  const readGBs = Math.max(measured.readGBs, ...reads.map(({ gigabytesPerSecond }) => gigabytesPerSecond));
  const ceilings = { readGBs, matrixTflops: (2 * side ** 3) / ms / 1e9 };
  report({ kind: "ceiling", what: "matrix products, bf16", teraflops: ceilings.matrixTflops });
  return ceilings;
}

/** Milliseconds of the fastest of five rounds, the first of which does not count. */
function best(work, engine) {
  const once = () => tf.dispose(work() ?? []);
  once();
  return Math.min(...[0, 1, 2, 3, 4].map(() => engine.time(once)));
}
