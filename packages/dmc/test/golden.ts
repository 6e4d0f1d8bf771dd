import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { openSafetensors, type SafetensorsFile } from "@kvfold/core";
import { goldensPath, useBackend } from "@kvfold/core/testing";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { backends } from "./backends.js";
import { gradientFraction, type Tolerance } from "./tolerances.js";

/** One file of the golden set's `index.json`. */
export interface GoldenEntry {
  readonly title: string;
  readonly meta: Readonly<Record<string, unknown>>;
  readonly tensors: readonly { readonly name: string; readonly role: "input" | "expected"; readonly doc: string }[];
}

const folder = goldensPath("dmc");

/** Files of the golden set by name; empty where the set has no DMC goldens. */
export const goldenFiles: Readonly<Record<string, GoldenEntry>> = folder
  ? (JSON.parse(readFileSync(join(folder, "index.json"), "utf8")) as { files: Record<string, GoldenEntry> }).files
  : {};

/** An open golden file: inputs as tensors, expected values to compare with; remembers what was compared. */
export class Golden {
  readonly entry: GoldenEntry;
  private readonly file: SafetensorsFile;
  private readonly compared = new Set<string>();

  constructor(name: string) {
    this.entry = goldenFiles[name] as GoldenEntry;
    this.file = openSafetensors(join(folder as string, name));
  }

  /** A number of the index's `meta`. */
  setting(name: string): number {
    const value = this.entry.meta[name];
    if (typeof value !== "number") throw new Error(`${this.file.path}: the index states no number '${name}'`);
    return value;
  }

  /** Names of expected tensors that match, as the part that the first group captured. */
  cases(pattern: RegExp): string[] {
    return this.entry.tensors.flatMap(({ name }) => pattern.exec(name)?.[1] ?? []);
  }

  shape(name: string): number[] {
    return [...this.file.entry(name).shape];
  }

  /** A float input on the current backend. */
  tensor<T extends tf.Tensor = tf.Tensor4D>(name: string): T {
    return tf.tensor(this.values(name) as Float32Array, this.shape(name), "float32") as T;
  }

  values(name: string): Float32Array | Int32Array {
    return this.file.read(name) as Float32Array | Int32Array;
  }

  /** Asserts an expected float tensor. */
  close(name: string, actual: tf.Tensor | ArrayLike<number>, { absolute, relative }: Tolerance): void {
    this.compare(name, actual, (e) => Math.max(absolute, relative * Math.abs(e)));
  }

  /** Asserts a gradient. */
  closeGradient(name: string, actual: tf.Tensor): void {
    const largest = (this.values(name) as Float32Array).reduce((max, x) => Math.max(max, Math.abs(x)), 0);
    this.compare(name, actual, () => gradientFraction * largest);
  }

  /** Asserts an expected integer tensor, or exact floats. */
  exact(name: string, actual: tf.Tensor | ArrayLike<number>): void {
    this.compare(name, actual, () => 0);
  }

  /** Expected tensors that no test has compared yet. */
  untested(): string[] {
    return this.entry.tensors.flatMap(({ name, role }) =>
      role === "expected" && !this.compared.has(name) ? [name] : [],
    );
  }

  dispose(): void {
    this.file.close();
  }

  private compare(name: string, actual: tf.Tensor | ArrayLike<number>, allowed: (expected: number) => number): void {
    this.compared.add(name);
    if (actual instanceof tf.Tensor) expect(actual.shape, `shape of ${name}`).toEqual(this.shape(name));
    const found = actual instanceof tf.Tensor ? actual.dataSync() : actual;
    const wanted = this.values(name);
    expect(found.length, `size of ${name}`).toBe(wanted.length);
    const far = Array.from(wanted, (expected, at) => ({ name, at, expected, actual: found[at] as number })).filter(
      (x) => !(Math.abs(x.actual - x.expected) <= allowed(x.expected)),
    );
    expect(far.slice(0, 5)).toEqual([]);
  }
}

/**
 * Tests of one golden file on every backend. Skips, with a reason, where the golden set has no such file; fails when an
 * expected tensor is compared by no test.
 */
export function describeGolden(name: string, body: (golden: Golden) => void): void {
  if (folder === undefined || !existsSync(join(folder, name))) {
    describe.skip(`${name} (the golden set has no such file)`, () => it("is skipped", () => undefined));
    return;
  }
  describe.each(backends)(`${name} on %s`, (backend) => {
    const golden = new Golden(name);
    beforeAll(async () => {
      await useBackend(backend);
    });
    afterAll(() => golden.dispose());
    body(golden);
    it("leaves no expected tensor untested", () => expect(golden.untested()).toEqual([]));
  });
}
