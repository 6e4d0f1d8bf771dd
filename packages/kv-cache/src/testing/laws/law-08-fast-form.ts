import { cacheWrite, dmcAccumulate, dmcFold, dmcPool, dmcSegmentPool, raggedAttention } from "@kvfold/core";
import * as tf from "@tensorflow/tfjs-core";
import { ReferenceStore } from "../../reference-store/reference-store.js";
import { hasOwnStore } from "../../store-registry.js";
import { compareLanes, compareOutputs } from "../compare-outputs.js";
import type { Law } from "../law.js";
import { anyTraits } from "../law-case.js";
import { type Bench, overCases } from "../over-cases.js";

const kernels = [cacheWrite, dmcAccumulate, dmcFold, dmcPool, dmcSegmentPool, raggedAttention];

/** Law 8: the fast form equals the reference form. */
export const fastFormLaw: Law = {
  number: 8,
  title: "the backend's store and kernels equal the reference store on cpu",
  check: async (subject) => {
    const backend = tf.getBackend();
    const fastKernels = kernels.some(({ kernelName }) => tf.getKernel(kernelName, backend) !== undefined);
    if (subject.store === undefined && !hasOwnStore(backend) && !fastKernels) {
      return { notApplicable: "the backend has no fast form" };
    }
    const scored =
      subject.policy().coordinate || anyTraits(subject).some(({ massQueries }) => massQueries !== undefined);
    if (subject.codec && scored) return { notApplicable: "rounded entries may tip choices between near scores" };
    return overCases(subject, { cases: 5, seed: 8000 }, async (bench) => {
      const fast = read(bench, bench.run());
      await tf.setBackend("cpu");
      try {
        bench.rope?.dispose();
        const reference = bench.run(undefined, {
          store: (options) => new ReferenceStore({ ...options, codec: "f32" }),
        });
        const expected = read(bench, reference);
        reference.cache.dispose();
        return [
          ...fast.outputs.flatMap((outputs, row) =>
            compareOutputs(`row ${row}`, outputs, expected.outputs[row] as Float32Array[], bench.codedTolerance),
          ),
          ...fast.lanes.flatMap((lanes, layer) => compareLanes(`layer ${layer}`, lanes, expected.lanes[layer] ?? [])),
        ];
      } finally {
        bench.rope?.dispose();
        await tf.setBackend(backend);
      }
    });
  },
};

function read(bench: Bench, run: ReturnType<Bench["run"]>) {
  run.feed(bench.case.lengths.map((_, row) => 2 + row));
  run.feed(run.remaining.map((left, row) => (row === 0 ? Math.min(left, 3) : 0)));
  run.finish();
  return {
    outputs: bench.case.lengths.map((_, row) => run.outputs(row)),
    lanes: Array.from({ length: bench.case.layers }, (_, i) => run.cache.layer(i).laneLengths()),
  };
}
