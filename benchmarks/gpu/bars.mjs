/** The bars of an H200 and where in the results what they ask for is found; `value` is no finite number where it was not measured. */
export const bars = [
  decode("decode attention, 8 x 16K, bf16, dense", "bf16, 8 x 16K, 8 KV heads of 4", 85),
  decode("the same, 32 KV heads", "bf16, 8 x 16K, 32 KV heads of 1", 85),
  decode("ragged lanes, CR 1 to 16", "bf16, 32 x 16K, ragged 1 to 1/16", 80),
  decode("batch 1 x 32K", "bf16, 1 x 32K, 8 KV heads of 4", 65),
  {
    title: "DMC update + write + attention at CR 1 vs plain",
    bar: "at most 5 % slower",
    ...percent((results) => 100 * (step(results, "dmc, CR 1")?.timesPlain - 1), "% slower"),
    meets: (value) => value <= 5,
  },
  {
    title: "a layer's step, CR 8 / CR 1, same batch (the bar is for attention alone)",
    bar: "at least 7 x",
    value: (results) =>
      step(results, "dmc, CR 1")?.milliseconds.median / step(results, "dmc, CR 8")?.milliseconds.median,
    text: (value) => `${value.toFixed(2)} x`,
    meets: (value) => value >= 7,
  },
  findings("memcheck"),
  findings("racecheck"),
];

/** Bars that no stage measures yet. */
export const unmeasured = [
  ["7B-shape throughput at largest batch", "at least 85 % of the bound at every CR; CR 8 / CR 1 at least 5.5 x"],
  ["CR 1 vs HF transformers, same batch", "at least 1.5 x"],
  ["training, 135 M", "at least 1.0 x PyTorch eager with SDPA"],
];

function decode(title, name, least) {
  return {
    title,
    bar: `at least ${least} % of the read ceiling`,
    ...percent((results) => results.find((x) => x.kind === "decode" && x.case === name)?.percentOfRead, "%"),
    meets: (value) => value >= least,
  };
}

function findings(tool) {
  return {
    title: `compute-sanitizer ${tool}`,
    bar: "0 findings",
    value: (results) => results.find((x) => x.kind === "findings" && x.name === tool)?.count,
    text: (value) => `${value}`,
    meets: (value) => value === 0,
  };
}

function percent(value, unit) {
  return { value, text: (number) => `${number.toFixed(1)} ${unit}` };
}

function step(results, name) {
  return results.find((result) => result.kind === "step" && result.case === name);
}
