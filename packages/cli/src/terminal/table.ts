import { createColors } from "picocolors";

/** One column: its head, and whether numbers stand at its right edge. */
export interface Column {
  readonly head: string;
  readonly align?: "left" | "right";
}

/** Lines of a table of text cells, columns two spaces apart. The first column is left-aligned, the others right. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[], bold = false): string {
  const widths = columns.map(({ head }, i) => Math.max(head.length, ...rows.map((row) => (row[i] ?? "").length)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => {
        const right = (columns[i]?.align ?? (i === 0 ? "left" : "right")) === "right";
        return right ? cell.padStart(widths[i] as number) : cell.padEnd(widths[i] as number);
      })
      .join("  ")
      .trimEnd();
  const head = line(columns.map((column) => column.head));
  return [createColors(bold).bold(head), ...rows.map(line)].join("\n");
}
