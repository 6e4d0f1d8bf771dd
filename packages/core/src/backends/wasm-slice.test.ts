import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { beforeAll, expect, it } from "vitest";
import { chooseBackend } from "./choose-backend.js";

beforeAll(async () => {
  await chooseBackend({ prefer: "wasm" });
});

const axis = fc
  .nat(5)
  .chain((n) => fc.tuple(fc.constant(n), fc.nat(n)))
  .chain(([n, begin]) =>
    fc.record({ n: fc.constant(n), begin: fc.constant(begin), size: fc.integer({ min: 0, max: n - begin }) }),
  );

it("takes the same part as indexing does, for any shape and type", () => {
  const cases = fc.tuple(
    fc.array(axis, { minLength: 1, maxLength: 6 }),
    fc.constantFrom("float32", "int32", "bool" as const),
  );
  fc.assert(
    fc.property(cases, ([axes, dtype]) => {
      const shape = axes.map(({ n }) => n);
      const length = shape.reduce((product, n) => product * n, 1);
      const values = Array.from({ length }, (_, i) => (dtype === "bool" ? i % 3 === 0 : i * 7 - 20));
      const x = tf.tensor(values as number[], shape, dtype);
      const part = tf.slice(
        x,
        axes.map(({ begin }) => begin),
        axes.map(({ size }) => size),
      );
      const wanted: number[] = [];
      for (let flat = 0; flat < length; flat++) {
        let rest = flat;
        const at = [...shape]
          .reverse()
          .map((n) => {
            const i = rest % n;
            rest = (rest - i) / n;
            return i;
          })
          .reverse();
        if (axes.every(({ begin, size }, a) => (at[a] as number) >= begin && (at[a] as number) < begin + size)) {
          wanted.push(Number(values[flat]));
        }
      }
      expect(Array.from(part.dataSync())).toEqual(wanted);
      tf.dispose([x, part]);
    }),
    { numRuns: 300 },
  );
});

it("does not read the input, so a small part of a large tensor is cheap", () => {
  const large = tf.zeros([4096, 4096]); // 64 MB: reading it takes 20 ms and more
  const start = performance.now();
  for (let i = 0; i < 100; i++) tf.slice(large, [i, 0], [1, 16]).dispose();
  const perSlice = (performance.now() - start) / 100;
  large.dispose();
  expect(perSlice).toBeLessThan(5);
});
