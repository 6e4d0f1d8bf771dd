/** Steps of the scale: from this ratio up, this character, or this colour of the 256. */
const SCALE = [
  { from: 1, label: "1", glyph: " ", colour: 236 },
  { from: 1.1, label: "1.1", glyph: "·", colour: 54 },
  { from: 1.5, label: "1.5", glyph: "░", colour: 25 },
  { from: 2, label: "2", glyph: "▒", colour: 30 },
  { from: 4, label: "4", glyph: "▓", colour: 71 },
  { from: 8, label: "8 and more", glyph: "█", colour: 220 },
] as const;

/** Room for a heat map, in characters. */
export interface HeatMapRoom {
  readonly width: number;
  /** Lines, title and legend included. */
  readonly height: number;
  readonly colour: boolean;
}

const LABEL = "head 00 ";
const TITLE_AND_LEGEND = 2;

/**
 * Compression ratio of every lane: layers from left to right, KV heads from top to bottom. Neighbours share a cell (the mean
 * of their merged parts) where there is no room for each.
 *
 * @param merged part of tokens merged `[layers][kvHeads]`, 0..1
 * @returns lines of at most `width` visible characters; none where there is no room
 */
export function heatMap(merged: readonly (readonly number[])[], { width, height, colour }: HeatMapRoom): string[] {
  const layers = merged.length;
  const heads = merged[0]?.length ?? 0;
  const rows = height - TITLE_AND_LEGEND;
  const labelled = width >= 40;
  const columns = width - (labelled ? LABEL.length : 0);
  if (layers === 0 || heads === 0 || rows < 1 || columns < 8) return [];
  const layersEach = Math.ceil(layers / columns);
  const headsEach = Math.ceil(heads / rows);
  const cellWidth = 2 * layers <= columns ? 2 : 1;
  const shared = [layersEach > 1 ? `${layersEach} layers` : "", headsEach > 1 ? `${headsEach} heads` : ""].filter(
    Boolean,
  );
  const title = `CR by layer (0-${layers - 1}, across) and KV head (down)${shared.length > 0 ? `, a cell: ${shared.join(" x ")}` : ""}`;
  const lines = [title.slice(0, width)];
  for (let head = 0; head < heads; head += headsEach) {
    let line = labelled ? `head ${String(head).padStart(2)} `.padEnd(LABEL.length) : "";
    for (let layer = 0; layer < layers; layer += layersEach) {
      const lanes = merged.slice(layer, layer + layersEach).flatMap((row) => row.slice(head, head + headsEach));
      line += cell(1 / (1 - mean(lanes)), cellWidth, colour);
    }
    lines.push(line);
  }
  lines.push(legend(width, colour));
  return lines;
}

/** A lane that merges everything has an infinite ratio: the last step of the scale. */
function cell(ratio: number, width: number, colour: boolean): string {
  return paint(SCALE.findLast(({ from }) => ratio >= from) ?? SCALE[0], width, colour);
}

function paint({ glyph, colour }: (typeof SCALE)[number], width: number, coloured: boolean): string {
  return coloured ? `\x1b[48;5;${colour}m${" ".repeat(width)}\x1b[0m` : glyph.repeat(width);
}

/** As many steps of the scale as fit. */
function legend(width: number, coloured: boolean): string {
  let text = "CR";
  let used = text.length;
  for (const step of SCALE) {
    used += 4 + step.label.length;
    if (used > width) break;
    text += coloured ? ` ${paint(step, 2, true)} ${step.label}` : ` [${step.glyph}]${step.label}`;
  }
  return text;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
