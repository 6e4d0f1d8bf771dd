import type { DmcReport, FoldFigures } from "./dmc-report.js";
import type { SegmentSummary } from "./segment-summary.js";

const shades = "·░▒▓█";
const bars = "▁▂▃▄▅▆▇█";

/** Ratio from which a head is shown as full. */
const fullRatio = 16;

/**
 * A report as a table for a terminal, one line a layer: tokens and entries (KV heads together), ratios, segment lengths,
 * a heat map with one character a KV head (· keeps every token, █ merges 16 or more tokens an entry), and a small
 * histogram of segment lengths (1, 2, 3-4, 5-8, ... tokens).
 */
export function formatDmcReport(report: DmcReport): string {
  const heads = Math.max(5, ...report.layers.map((layer) => layer.heads.length));
  const histogram = Math.max(8, ...report.layers.map((layer) => layer.segments?.histogram.length ?? 0));
  const line = (label: string, figures: FoldFigures, map: string) =>
    [
      label.padStart(5),
      `${figures.tokens}`.padStart(9),
      `${figures.entries}`.padStart(9),
      figures.compressionRatio.toFixed(2).padStart(7),
      figures.byteRatio.toFixed(2).padStart(7),
      segmentText(figures.segments).padStart(12),
      ` ${map}`.padEnd(heads + 1),
      ` ${histogramBars(figures.segments)}`,
    ]
      .join(" ")
      .trimEnd();
  const header = [
    "layer",
    "tokens".padStart(9),
    "entries".padStart(9),
    "CR".padStart(7),
    "bytes".padStart(7),
    "segment".padStart(12),
    " heads".padEnd(heads + 1),
    ` lengths`.padEnd(histogram + 1),
  ].join(" ");
  return [
    header.trimEnd(),
    ...report.layers.map((layer) => line(`${layer.layer}`, layer, layer.heads.map(shade).join(""))),
    line("all", report, ""),
  ].join("\n");
}

/** One character for a head's ratio, on a logarithmic scale from 1 to 16. */
function shade({ compressionRatio }: FoldFigures): string {
  const level = Math.log2(Math.max(1, compressionRatio)) / Math.log2(fullRatio);
  return shades[Math.min(shades.length - 1, Math.round(level * (shades.length - 1)))] ?? "";
}

function segmentText(segments: SegmentSummary | undefined): string {
  return segments === undefined ? "-" : `${segments.mean.toFixed(1)} (${segments.max})`;
}

function histogramBars(segments: SegmentSummary | undefined): string {
  const highest = Math.max(1, ...(segments?.histogram ?? []).map(({ count }) => count));
  return (segments?.histogram ?? [])
    .map(({ count }) => (count === 0 ? " " : (bars[Math.ceil((count / highest) * bars.length) - 1] ?? "")))
    .join("");
}
