import { chooseBackend } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { full } from "../../policies/full.js";
import { ReferenceStore } from "../../reference-store/reference-store.js";
import { registerStore } from "../../store-registry.js";
import { brokenSubjects } from "../broken-subjects.js";
import type { Law, LawOutcome, LawSubject } from "../law.js";
import { LawMatrix } from "../law-matrix.js";
import { allLaws } from "./all-laws.js";

vi.setConfig({ testTimeout: 60_000 }); // many laws in one test

const violationsOf = (outcome: LawOutcome) => ("violations" in outcome ? outcome.violations : undefined);

describe.each(["cpu", "wasm"])("the laws themselves on %s", (backend) => {
  beforeAll(async () => {
    await chooseBackend({ prefer: backend });
  });

  it.each(brokenSubjects)("law $law finds: $subject.name", async ({ law, subject, finding }) => {
    const outcome = await (allLaws[law - 1] as Law).check(subject);
    expect(violationsOf(outcome)?.join("\n")).toMatch(finding);
  });

  it("a right policy and store break none, and every law has a broken subject", async () => {
    const subject: LawSubject = {
      name: "full",
      policy: full,
      allAppend: full,
      budget: 1000,
      store: (options) => new ReferenceStore(options),
    };
    for (const law of allLaws) {
      expect({ law: law.number, found: violationsOf(await law.check(subject)) }).toEqual({
        law: law.number,
        found: [],
      });
      expect(brokenSubjects.map(({ law: number }) => number)).toContain(law.number);
    }
  });
});

describe("law 8 on a backend with an own store", () => {
  const law = allLaws[7] as Law;
  beforeAll(async () => {
    await chooseBackend({ prefer: "cpu" });
    const cpu = tf.backend();
    tf.registerBackend("throwaway", () => cpu);
    tf.copyRegisteredKernels("cpu", "throwaway");
    await tf.setBackend("throwaway");
  });
  afterAll(async () => {
    await tf.setBackend("cpu");
  });

  it("does not apply before a store is registered", async () => {
    expect(await law.check({ name: "full", policy: full })).toEqual({ notApplicable: "the backend has no fast form" });
  });

  it("finds a wrong store and passes a right one", async () => {
    registerStore("throwaway", (options) => {
      const store = new ReferenceStore(options);
      const write = store.write.bind(store);
      store.write = (step, { q, k, v }, op, site) => write(step, { q, k, v: tf.mul(v, 1.001) }, op, site);
      return store;
    });
    expect(violationsOf(await law.check({ name: "full", policy: full }))?.length).toBeGreaterThan(0);
    registerStore("throwaway", (options) => new ReferenceStore(options));
    expect(await law.check({ name: "full", policy: full })).toEqual({ violations: [] });
    expect(tf.getBackend()).toBe("throwaway");
  });
});

describe("LawMatrix", () => {
  it("shows policies as rows, laws as columns, and every reason once", () => {
    const matrix = new LawMatrix(allLaws.slice(0, 3));
    const [one, two, three] = allLaws as [Law, Law, Law];
    matrix.record("full (cpu)", one, { violations: [] });
    matrix.record("full (cpu)", two, { violations: ["broken"] });
    matrix.record("full (cpu)", three, { notApplicable: "no fork" });
    matrix.record("tova (cpu)", three, { notApplicable: "no fork" });
    expect(`${matrix}`).toBe(
      [
        "policy x law      1    2    3",
        "full (cpu)     pass FAIL  n/a",
        "tova (cpu)        -    -  n/a",
        "n/a, law 3: no fork (all)",
      ].join("\n"),
    );
  });
});
