import { bars } from "./bars.mjs";

/** Parses JSON lines; one that a time limit cut off is left out. */
export function parseResults(text) {
  return text.split("\n").flatMap((line) => {
    try {
      return line === "" ? [] : [JSON.parse(line)];
    } catch {
      return [];
    }
  });
}

/**
 * The results of one run as an object: which sources, device and versions; what was checked; the bars beside what was
 * measured, and everything that was measured.
 */
export function summarize(results) {
  const of = (kind) => results.filter((result) => result.kind === kind).map(({ kind: _, ...rest }) => rest);
  return {
    about: of("about")[0]?.about,
    machine: of("machine")[0],
    stages: of("stage"),
    leftOut: of("left-out"),
    checks: of("check"),
    findings: of("findings"),
    bars: bars.map(({ title, bar, value, text, meets }) => {
      const measured = value(results);
      if (!Number.isFinite(measured)) return { title, bar };
      return { title, bar, measured, text: text(measured), met: meets(measured) };
    }),
    ceilings: of("ceiling"),
    decode: of("decode"),
    peers: of("peer"),
    steps: of("step"),
    llama: of("7b"),
    llamaPeers: of("7b-peer"),
    training: [...of("training"), ...of("training-peer")],
    fallbacks: of("fallbacks"),
  };
}

/** A summary as Markdown. */
export function summaryText(summary) {
  const { about, machine, stages, leftOut, checks, bars: rows, ceilings, decode, peers, llama, llamaPeers } = summary;
  const table = (head, body) =>
    [head, head.map(() => "---"), ...body].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
  const peerText = ({ engine, microseconds, error }) =>
    microseconds === undefined ? `${engine}: ${error}` : `${engine} ${microseconds.toFixed(1)} us`;
  const parts = [
    `${machine?.gpu ?? "unknown device"}, driver ${machine?.driver ?? "unknown"}; commit ${about?.commit ?? "unknown"}`,
    table(
      ["case", "bar", "measured", ""],
      rows.map(({ title, bar, text, met }) => [
        title,
        bar,
        text ?? "not measured",
        met === undefined ? "" : met ? "met" : "missed",
      ]),
    ),
    table(
      ["checks", "passed", "failed", "skipped"],
      checks.map(({ name, passed, checks: all, failed, skipped = 0 }) => [
        name,
        passed ?? all - failed,
        failed,
        skipped,
      ]),
    ),
    table(
      ["decode attention", "us", "GB/s", "beside it"],
      decode.map(({ case: title, microseconds, gigabytesPerSecond }) => [
        title,
        microseconds.toFixed(1),
        gigabytesPerSecond.toFixed(0),
        peers
          .filter((peer) => peer.case === title)
          .map(peerText)
          .join("; "),
      ]),
    ),
    table(
      ["7B shape", "memory", "batch", "tokens/s", "bound", "% of it", "ms a step at the four depths"],
      llama
        .filter(({ error }) => error === undefined)
        .map((row) => [
          `CR ${row.cr}`,
          row.limit === null ? "all" : `${row.limit / 1e9} GB`,
          row.batch,
          row.tokensPerSecond.toFixed(0),
          row.boundTokensPerSecond.toFixed(0),
          row.percentOfBound.toFixed(1),
          row.depths.map(({ milliseconds }) => milliseconds.median.toFixed(1)).join(", "),
        ]),
    ),
    llamaPeers
      .map(({ engine, batch, tokensPerSecond, error }) =>
        tokensPerSecond === undefined
          ? `${engine}: ${error}`
          : `${engine}, batch ${batch}: ${tokensPerSecond.toFixed(0)} tokens/s`,
      )
      .join("; "),
    summary.training
      .map(
        ({ engine = "kvfold", tokensPerSecond, mfuOfMeasuredPeak }) =>
          `training, ${engine}: ${tokensPerSecond?.toFixed(0)} tokens/s${mfuOfMeasuredPeak ? `, ${(100 * mfuOfMeasuredPeak).toFixed(1)} % of the measured peak` : ""}`,
      )
      .join("; "),
    ceilings
      .map(({ what, gigabytesPerSecond, teraflops }) =>
        teraflops === undefined
          ? `${what} ceiling ${gigabytesPerSecond.toFixed(0)} GB/s`
          : `${what} ${teraflops.toFixed(0)} TFLOP/s`,
      )
      .join(", "),
    table(
      ["stage", "seconds", "ended"],
      [
        ...stages.map(({ name, seconds, limit, exit }) => [name, seconds, ending(exit, limit)]),
        ...leftOut.map(({ name, reason }) => [name, "", `left out: ${reason}`]),
      ],
    ),
  ];
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

/** 124 and 137 are what `timeout` ends with. */
function ending(exit, limit) {
  if (exit === 0) return "well";
  return exit === 124 || exit === 137 ? `at its limit of ${limit} s` : `with ${exit}`;
}
