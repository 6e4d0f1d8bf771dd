const FACTORS: Readonly<Record<string, number>> = { "": 1, k: 1e3, m: 1e6, g: 1e9 };

/**
 * Reads a number of tokens: `5000000`, `5M`, `1.5G`, `200k`; k, M and G are thousands, millions and thousand millions.
 *
 * @returns undefined when it is no whole number of tokens from 0 up
 */
export function tokenCount(value: unknown): number | undefined {
  const [, number, suffix = ""] = /^\s*(\d+(?:\.\d+)?(?:e\+?\d+)?)\s*([kmg]?)\s*$/i.exec(String(value)) ?? [];
  if (number === undefined) return undefined;
  // 1.1M is 1100000.0000000002 in floating point
  const count = Math.round(Number(number) * (FACTORS[suffix.toLowerCase()] as number) * 1e3) / 1e3;
  return Number.isSafeInteger(count) ? count : undefined;
}

/** `5M`, `320k`, `4096`: the shortest form that {@link tokenCount} reads back as the same number. */
export function formatTokenCount(count: number): string {
  for (const [suffix, factor] of [
    ["G", 1e9],
    ["M", 1e6],
    ["k", 1e3],
  ] as const) {
    const value = count / factor;
    if (value >= 1 && Number.isInteger(value * 1e3)) return `${value}${suffix}`;
  }
  return String(count);
}
