const MOST = 80;

/**
 * A value from a file for use in a message: as JSON, shortened, so that a damaged file cannot fill a log or a terminal
 * (control characters come out escaped).
 */
export function quoted(value: unknown): string {
  const text =
    typeof value === "string" ? JSON.stringify(value.slice(0, MOST)) : (JSON.stringify(value) ?? String(value));
  const cut = typeof value === "string" ? value.length > MOST : text.length > MOST;
  return cut
    ? `${text.slice(0, MOST)}... (${typeof value === "string" ? value.length : text.length} characters)`
    : text;
}
