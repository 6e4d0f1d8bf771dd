import { type Column, table } from "./table.js";

/** Whether a stream is a terminal that can move its cursor. */
export function isScreen(stream: { readonly isTTY?: boolean }): boolean {
  return stream.isTTY === true && process.env.TERM !== "dumb";
}

/** Whether a stream shows colours: only on a terminal, and not when the user has set NO_COLOR. */
export function coloured(stream: { readonly isTTY?: boolean } = process.stdout): boolean {
  return isScreen(stream) && !process.env.NO_COLOR;
}

/** One line, or several, on stdout. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** A table on stdout, its head bold on a terminal. */
export function printTable(columns: readonly Column[], rows: readonly (readonly string[])[]): void {
  print(table(columns, rows, coloured()));
}

/** One JSON document on stdout, in one line. Numbers that are not finite become null. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value));
}

/** A remark for the user on stderr. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}
