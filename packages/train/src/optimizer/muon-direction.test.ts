import { chooseBackend } from "@kvfold/core";
import { seeded } from "@kvfold/core/testing";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { muonDirection } from "./muon-direction.js";

beforeAll(() => chooseBackend());

describe("muonDirection", () => {
  it.each([
    [24, 24],
    [40, 12],
    [12, 40],
  ])("brings all singular values of a %i x %i matrix near 1, and keeps its directions", (rows, columns) => {
    tf.tidy(() => {
      // G = U S V^T with known orthogonal U, V: then U V^T is the exact direction
      const small = Math.min(rows, columns);
      const u = tf.linalg.qr(tf.tensor2d(seeded(1).normals(rows * small), [rows, small]))[0] as tf.Tensor2D;
      const v = tf.linalg.qr(tf.tensor2d(seeded(2).normals(columns * small), [columns, small]))[0] as tf.Tensor2D;
      const s = tf.linspace(0.05, 1, small);
      const direction = muonDirection(tf.matMul(tf.mul(u, s) as tf.Tensor2D, v, false, true));
      const inner = tf.matMul(tf.matMul(u, direction, true, false), v);
      const values = inner.arraySync() as number[][];
      for (let i = 0; i < small; i++) {
        for (let j = 0; j < small; j++) {
          const value = (values[i] as number[])[j] as number;
          if (i === j) {
            expect(value).toBeGreaterThan(0.6);
            expect(value).toBeLessThan(1.3);
          } else expect(Math.abs(value)).toBeLessThan(1e-4);
        }
      }
    });
  });
});
