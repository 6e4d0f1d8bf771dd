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
  ...[1, 2, 4, 8].map((cr) => ({
    title: `7B-shape throughput at the largest batch, CR ${cr}, 80 GB`,
    bar: "at least 85 % of the bound",
    ...percent((results) => llama(results, cr)?.percentOfBound, "%"),
    meets: (value) => value >= 85,
  })),
  {
    title: "the same, CR 8 / CR 1, 80 GB",
    bar: "at least 5.5 x",
    ...times((results) => llama(results, 8)?.tokensPerSecond / llama(results, 1)?.tokensPerSecond),
    meets: (value) => value >= 5.5,
  },
  {
    title: "CR 1 vs HF transformers, same batch",
    bar: "at least 1.5 x",
    ...times((results) => {
      const peer = results.find(({ kind, engine }) => kind === "7b-peer" && engine === "Hugging Face transformers");
      const own = results.find(({ kind, cr, batch }) => kind === "7b" && cr === 1 && batch === peer?.batch);
      return own?.tokensPerSecond / peer?.tokensPerSecond;
    }),
    meets: (value) => value >= 1.5,
  },
  {
    title: "training, 135 M",
    bar: "at least 1.0 x PyTorch eager with SDPA",
    ...times((results) => {
      const of = (kind) => results.find((result) => result.kind === kind)?.tokensPerSecond;
      return of("training") / of("training-peer");
    }),
    meets: (value) => value >= 1,
  },
  findings("memcheck"),
  findings("racecheck"),
];

function times(value) {
  return { value, text: (number) => `${number.toFixed(2)} x` };
}

/** Decoding of the 7B shape with the memory of the paper's device. */
function llama(results, cr) {
  return results.find((result) => result.kind === "7b" && result.cr === cr && result.limit === 80e9);
}

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
