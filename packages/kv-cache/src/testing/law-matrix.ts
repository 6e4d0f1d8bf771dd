import type { Law, LawOutcome } from "./law.js";

/** Collects what every policy did under every law, and prints it as a table. */
export class LawMatrix {
  private readonly laws: readonly Law[];
  private readonly rows = new Map<string, Map<number, LawOutcome>>();

  constructor(laws: readonly Law[]) {
    this.laws = laws;
  }

  record(row: string, law: Law, outcome: LawOutcome): void {
    const cells = this.rows.get(row) ?? new Map<number, LawOutcome>();
    cells.set(law.number, outcome);
    this.rows.set(row, cells);
  }

  /** Policies as rows, laws as columns, then the reason of every `n/a`. */
  toString(): string {
    const title = "policy x law";
    const width = Math.max(title.length, ...[...this.rows.keys()].map((name) => name.length)) + 2;
    const line = (first: string, cells: readonly string[]) =>
      first.padEnd(width) + cells.map((cell) => cell.padStart(5)).join("");
    const header = line(
      title,
      this.laws.map(({ number }) => `${number}`),
    );
    const body = [...this.rows].map(([name, cells]) =>
      line(
        name,
        this.laws.map(({ number }) => cellOf(cells.get(number))),
      ),
    );
    return [header, ...body, ...this.reasons()].join("\n");
  }

  private reasons(): string[] {
    const byReason = new Map<string, string[]>();
    for (const [name, cells] of this.rows) {
      for (const [number, outcome] of cells) {
        if (!("notApplicable" in outcome)) continue;
        const reason = `n/a, law ${number}: ${outcome.notApplicable}`;
        byReason.set(reason, [...(byReason.get(reason) ?? []), name]);
      }
    }
    return [...byReason].map(([reason, names]) =>
      names.length === this.rows.size ? `${reason} (all)` : `${reason} (${names.join("; ")})`,
    );
  }
}

function cellOf(outcome: LawOutcome | undefined): string {
  if (outcome === undefined) return "-";
  if ("notApplicable" in outcome) return "n/a";
  return outcome.violations.length === 0 ? "pass" : "FAIL";
}
