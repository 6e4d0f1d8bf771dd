// What the device's memory copies at, by its own engine: bytes read and bytes written.
import * as tf from "@tensorflow/tfjs-core";
import { report } from "./report.mjs";
import { useCuda } from "./use-cuda.mjs";

const numbers = 2 ** 28;
const { device, driverVersion } = await useCuda();
report({ kind: "device", ...device, driverVersion });
const from = tf.zeros([numbers]);
const to = tf.zeros([numbers]);
const { engine } = tf.backend();
const addresses = [to, from].map((tensor) => tf.backend().address(tensor));
let best = Number.POSITIVE_INFINITY;
for (let round = 0; round < 6; round++) {
  const took = engine.time(() => {
    for (let i = 0; i < 10; i++) engine.copy(...addresses, 4 * numbers);
  });
  best = Math.min(best, took / 10);
}
report({ kind: "ceiling", what: "copy", gigabytesPerSecond: (8 * numbers) / best / 1e6 });
