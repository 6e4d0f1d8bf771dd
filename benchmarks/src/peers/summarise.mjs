import { spread } from "../spread.mjs";

/**
 * Tokens a second of each engine at one depth, over the rounds, and as a share of the first engine's in the same round.
 *
 * `decodeLeast` is the speed of the fastest tenth of all single steps. On a machine that does other work too it is nearer to
 * what the engine can do than a round's mean is: threads that wait for each other lose whole time slices then.
 */
export function summarise(names, samples, prefill) {
  const prefills = samples.map((rounds) => rounds.map(({ prefillMs }) => (1000 * prefill) / prefillMs));
  const decodes = samples.map((rounds) => rounds.map(({ stepsMs }) => (1000 * stepsMs.length) / sum(stepsMs)));
  const least = samples.map((rounds) => 1000 / tenth(rounds.flatMap(({ stepsMs }) => stepsMs)));
  return names.map((row, i) => ({
    row,
    prefill: spread(prefills[i]),
    decode: spread(decodes[i]),
    decodeLeast: least[i],
    prefillRatio: spread(prefills[i].map((speed, round) => speed / prefills[0][round])),
    decodeRatio: spread(decodes[i].map((speed, round) => speed / decodes[0][round])),
    decodeLeastRatio: least[i] / least[0],
    cache: samples[i].at(-1).cache,
  }));
}

function sum(values) {
  return values.reduce((a, b) => a + b, 0);
}

function tenth(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 10)];
}
