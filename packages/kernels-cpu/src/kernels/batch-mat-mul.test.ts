import { chooseBackend } from "@kvfold/core";
import { expectClose, seeded } from "@kvfold/core/testing";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { loadKernels } from "../load-kernels.js";

beforeAll(async () => {
  await chooseBackend({ prefer: "native" });
});

/** [batch A, batch B, m, k, n] */
const shapes: [number[], number[], number, number, number][] = [
  [[], [], 1, 1, 1],
  [[], [], 13, 400, 65],
  [[], [], 15, 7, 31],
  [[3], [3], 5, 9, 17],
  [[1], [4], 14, 20, 33],
  [[4], [1], 3, 20, 33],
  [[2, 3], [2, 1], 6, 8, 10],
  [[2, 1, 2], [3, 1], 4, 5, 6],
  [[], [], 0, 3, 2],
  [[], [], 2, 0, 3],
];

describe("BatchMatMul", () => {
  for (const [batchA, batchB, m, k, n] of shapes) {
    for (const transposeA of [false, true]) {
      for (const transposeB of [false, true]) {
        const title = `[${batchA}|${m},${k}]${transposeA ? "T" : ""} x [${batchB}|${k},${n}]${transposeB ? "T" : ""}`;
        it(title, () => {
          tf.tidy(() => {
            const a = seeded(1).normal([...batchA, ...(transposeA ? [k, m] : [m, k])]);
            const b = seeded(2).normal([...batchB, ...(transposeB ? [n, k] : [k, n])], Math.max(k, 1) ** -0.5);
            const y = tf.matMul(a, b, transposeA, transposeB);
            const batch = tf.broadcast_util.assertAndGetBroadcastShape(batchA, batchB);
            expect(y.shape).toEqual([...batch, m, n]);
            expectClose(y.dataSync(), plainProduct(a, b, transposeA, transposeB, batch, m, k, n));
          });
        });
      }
    }
  }

  it("gives the same bits for every number of threads, and close values for every instruction set", () => {
    const kernels = loadKernels();
    if (!kernels.available) throw new Error(kernels.reason);
    tf.tidy(() => {
      const a = seeded(3).normal<[number, number], tf.Rank.R2>([150, 420]);
      const b = seeded(4).normal<[number, number], tf.Rank.R2>([420, 330], 420 ** -0.5);
      const expected = plainProduct(a, b, false, false, [], 150, 420, 330);
      for (const instructionSet of kernels.supported) {
        const results = [1, 2, 3].map((threads) => {
          loadKernels({ threads, instructionSet });
          return tf.matMul(a, b).dataSync();
        });
        expect(results[1]).toEqual(results[0]);
        expect(results[2]).toEqual(results[0]);
        expectClose(results[0] as Float32Array, expected);
      }
      loadKernels({ threads: kernels.threads, instructionSet: kernels.instructionSet });
    });
  });

  it("rounds operands to bfloat16 when asked to, alike on every instruction set", () => {
    const kernels = loadKernels();
    if (!kernels.available) throw new Error(kernels.reason);
    tf.tidy(() => {
      const a = seeded(5).normal([2, 40, 300]);
      const b = seeded(6).normal([2, 50, 300], 300 ** -0.5);
      const expected = plainProduct(rounded(a), rounded(b), false, true, [2], 40, 300, 50);
      for (const instructionSet of kernels.supported) {
        loadKernels({ matmulPrecision: "bf16", instructionSet });
        const y = tf.matMul(a, b, false, true).dataSync();
        loadKernels({ matmulPrecision: "float32", instructionSet: kernels.instructionSet });
        expectClose(y, expected);
      }
    });
  });
});

/** To the nearest bfloat16, ties to even. */
function rounded(x: tf.Tensor): tf.Tensor {
  const values = new Float32Array(x.dataSync());
  const bits = new Uint32Array(values.buffer);
  bits.forEach((value, i) => {
    bits[i] = (value + 0x7fff + ((value >>> 16) & 1)) & 0xffff0000;
  });
  return tf.tensor(values, x.shape);
}

/** The product by plain loops in double precision, batch indices by TensorFlow's broadcasting rules. */
function plainProduct(
  a: tf.Tensor,
  b: tf.Tensor,
  transposeA: boolean,
  transposeB: boolean,
  batch: number[],
  m: number,
  k: number,
  n: number,
): number[] {
  const full = (x: tf.Tensor) => tf.broadcastTo(x, [...batch, ...x.shape.slice(-2)]).dataSync();
  const [av, bv] = [full(a), full(b)];
  const y: number[] = [];
  for (let i = 0; i < tf.util.sizeFromShape(batch); i++) {
    for (let row = 0; row < m; row++) {
      for (let column = 0; column < n; column++) {
        let sum = 0;
        for (let p = 0; p < k; p++) {
          const left = av[i * m * k + (transposeA ? p * m + row : row * k + p)] as number;
          const right = bv[i * k * n + (transposeB ? column * k + p : p * n + column)] as number;
          sum += left * right;
        }
        y.push(sum);
      }
    }
  }
  return y;
}
