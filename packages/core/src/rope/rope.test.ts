import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-backend-wasm";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { expectClose } from "../testing/expect-close.js";
import { Rope } from "./rope.js";
import type { RopeDescriptor } from "./rope-descriptor.js";

const plain: RopeDescriptor = { headDim: 8, rotaryDim: 8, theta: 10000, maxPositions: 64, scaling: { type: "none" } };

beforeEach(async () => {
  await tf.setBackend("cpu");
});

afterEach(async () => {
  await tf.setBackend("cpu");
});

describe("Rope.angles", () => {
  it("gives cosine and sine of position times frequency, to float32 also at position 100,000", () => {
    using rope = new Rope(plain);
    const { cos, sin } = rope.angles(Int32Array.of(0, 3, 100000));
    expect(cos.shape).toEqual([3, 4]);
    const angles = [0, 3, 100000].flatMap((position) => [0, 1, 2, 3].map((i) => position * 10000 ** (-i / 4)));
    expectClose(cos.dataSync(), angles.map(Math.cos), 1e-7);
    expectClose(sin.dataSync(), angles.map(Math.sin), 1e-7);
  });

  it("takes leading dimensions", () => {
    using rope = new Rope(plain);
    expect(rope.angles(Int32Array.of(0, 1, 5, 6, 7, 8), { shape: [2, 3] }).cos.shape).toEqual([2, 3, 4]);
    expect(() => rope.angles(Int32Array.of(0, 1), { shape: [3] })).toThrow("The shape [3] holds 3 positions; got 2.");
  });

  it("multiplies by yarn's attention scaling", () => {
    using rope = new Rope({ ...plain, scaling: { type: "yarn", factor: 4, attentionFactor: 1.5 } });
    expect([...rope.angles(Int32Array.of(0)).cos.dataSync()]).toEqual([1.5, 1.5, 1.5, 1.5]);
  });

  it("returns the same tensors for the same positions, whichever array holds them", () => {
    using rope = new Rope(plain);
    const before = tf.memory().numTensors;
    const askedByLayers = Array.from({ length: 30 }, () => {
      tf.engine().startScope();
      const angles = rope.angles(Int32Array.of(4, 5));
      tf.engine().endScope();
      return angles.cos;
    });
    const [first] = askedByLayers;
    expect(askedByLayers.every((cos) => cos === first && !cos.isDisposed)).toBe(true);
    expect(tf.memory().numTensors).toBe(before + 2);
    expect(rope.angles(Int32Array.of(4, 6)).cos).not.toBe(first);
    expect(rope.angles(Int32Array.of(4, 5), { shape: [1, 2] }).cos.shape).toEqual([1, 2, 4]);
  });

  it("keeps earlier angles through three other requests, and holds four at most", () => {
    using rope = new Rope(plain);
    const before = tf.memory().numTensors;
    const first = rope.angles(Int32Array.of(1));
    for (const position of [2, 3, 4]) rope.angles(Int32Array.of(position));
    expect(first.cos.isDisposed).toBe(false);
    rope.angles(Int32Array.of(5));
    expect(first.cos.isDisposed).toBe(true);
    expect(tf.memory().numTensors).toBe(before + 8);
  });

  it("is not confused by a caller that changes its array", () => {
    using rope = new Rope(plain);
    const positions = Int32Array.of(1, 2);
    rope.angles(positions);
    positions[0] = 9;
    expectClose([rope.angles(positions).cos.dataSync()[0] as number], [Math.cos(9)]);
  });

  it("makes new tensors when the backend changes", async () => {
    using rope = new Rope(plain);
    const onCpu = rope.angles(Int32Array.of(7));
    await tf.setBackend("wasm");
    const onWasm = rope.angles(Int32Array.of(7));
    expect(onWasm.cos).not.toBe(onCpu.cos);
    expect([...onWasm.sin.dataSync()]).toEqual([...onCpu.sin.dataSync()]);
  });

  it("frees everything on dispose, and can be used again", () => {
    const before = tf.memory().numTensors;
    const rope = new Rope(plain);
    rope.angles(Int32Array.of(1));
    rope.dispose();
    expect(tf.memory().numTensors).toBe(before);
    expect(rope.angles(Int32Array.of(1)).cos.shape).toEqual([1, 4]);
    rope.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it("rejects negative positions and bad descriptors", () => {
    using rope = new Rope(plain);
    expect(() => rope.angles(Int32Array.of(3, -1))).toThrow("Positions must be at least 0; got -1.");
    expect(() => new Rope({ ...plain, theta: 0 })).toThrow("theta must be a number above 1; it is 0.");
  });

  it("takes no positions at all", () => {
    using rope = new Rope(plain);
    expect(rope.angles(new Int32Array(0)).cos.shape).toEqual([0, 4]);
  });
});

describe("Rope with dynamic scaling", () => {
  const dynamic: RopeDescriptor = { ...plain, maxPositions: 32, scaling: { type: "dynamic", factor: 4 } };

  it("turns by the length of the pass, by default the largest position + 1", () => {
    using rope = new Rope(dynamic);
    const position = Int32Array.of(39);
    const byDefault = rope.angles(position).cos;
    expect([...rope.angles(position, { length: 40 }).cos.dataSync()]).toEqual([...byDefault.dataSync()]);
    const base = 10000 * ((4 * 40) / 32 - 3) ** (8 / 6);
    expectClose(
      byDefault.dataSync(),
      [0, 1, 2, 3].map((i) => Math.cos(39 * base ** (-i / 4))),
      1e-6,
    );
    expect([...rope.angles(position, { length: 80 }).cos.dataSync()]).not.toEqual([...byDefault.dataSync()]);
  });

  it("is plain rope up to the trained length", () => {
    using rope = new Rope(dynamic);
    using unscaled = new Rope(plain);
    const positions = Int32Array.of(0, 31);
    expect([...rope.angles(positions).sin.dataSync()]).toEqual([...unscaled.angles(positions).sin.dataSync()]);
  });
});

describe("Rope, for any positions", () => {
  it("stays on the circle", () => {
    using rope = new Rope(plain);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 2 ** 31 - 1 }), { minLength: 1, maxLength: 20 }), (positions) => {
        const { cos, sin } = rope.angles(Int32Array.from(positions));
        const [c, s] = [cos.dataSync(), sin.dataSync()];
        expectClose(
          c.map((x, i) => x * x + (s[i] as number) ** 2),
          Array.from(c, () => 1),
          1e-6,
        );
      }),
      { numRuns: 50 },
    );
  });
});
