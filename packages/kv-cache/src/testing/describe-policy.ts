import { chooseBackend } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CachePolicy } from "../policy.js";
import type { LawSubject } from "./law.js";
import { LawMatrix } from "./law-matrix.js";
import { allLaws } from "./laws/all-laws.js";

/** Options of {@link describePolicy}: what the laws must know about the policy, and where to run. */
export interface DescribePolicyOptions extends Omit<LawSubject, "name" | "policy"> {
  /** Backends to run on, registered with TensorFlow.js or known to `chooseBackend`. Default `cpu` and `wasm`. */
  readonly backends?: readonly string[];
}

/** A row of a table of policies, for {@link describePolicies}. */
export interface PolicyRow extends DescribePolicyOptions {
  /** Default: the policy's own name. */
  readonly name?: string;
  readonly policy: () => CachePolicy;
}

/** Milliseconds that one law may take: a few hundred on an idle machine, some seconds on an emulated device, and machines are loaded. */
const lawTimeout = 180_000;

let matrix: LawMatrix | undefined;

/**
 * The law suite of a cache policy, for vitest: the twelve laws on every backend. Laws that do not apply are reported as
 * skipped, with the reason; after the last policy of the test file the policy x law matrix is printed. Call it at the
 * top level of a test file.
 */
export function describePolicy(name: string, factory: () => CachePolicy, options: DescribePolicyOptions = {}): void {
  const { backends = ["cpu", "wasm"], ...rest } = options;
  if (matrix === undefined) {
    const ours = new LawMatrix(allLaws);
    matrix = ours;
    afterAll(() => {
      console.log(`${ours}`);
    });
  }
  const results = matrix;
  describe.each(backends)(`laws of ${name} on %s`, (backend) => {
    beforeAll(async () => {
      if (tf.findBackendFactory(backend) === null) await chooseBackend({ prefer: backend });
      else await tf.setBackend(backend);
    });
    for (const law of allLaws) {
      it(
        `${law.number}: ${law.title}`,
        async (context) => {
          const outcome = await law.check({ name, policy: factory, ...rest });
          results.record(`${name} (${backend})`, law, outcome);
          if ("notApplicable" in outcome) context.skip(outcome.notApplicable);
          else expect(outcome.violations).toEqual([]);
        },
        lawTimeout,
      );
    }
  });
}

/** {@link describePolicy} for every row of a table: one row enrols a policy. */
export function describePolicies(rows: readonly PolicyRow[]): void {
  for (const { name, policy, ...options } of rows) describePolicy(name ?? policy().name, policy, options);
}
