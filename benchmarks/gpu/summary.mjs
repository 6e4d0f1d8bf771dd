import { bars, unmeasured } from "./bars.mjs";

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
    bars: [
      ...bars.map(({ title, bar, value, text, meets }) => {
        const measured = value(results);
        if (!Number.isFinite(measured)) return { title, bar };
        return { title, bar, measured, text: text(measured), met: meets(measured) };
      }),
      ...unmeasured.map(([title, bar]) => ({ title, bar })),
    ],
    ceilings: of("ceiling"),
    decode: of("decode"),
    peers: of("peer"),
    steps: of("step"),
    fallbacks: of("fallbacks"),
  };
}

/** A summary as Markdown. */
export function summaryText({ about, machine, stages, leftOut, checks, bars: rows, ceilings, decode, peers }) {
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
    ceilings.map(({ what, gigabytesPerSecond }) => `${what} ceiling ${gigabytesPerSecond.toFixed(0)} GB/s`).join(", "),
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
