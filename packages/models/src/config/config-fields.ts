import { KvfoldError } from "@kvfold/core";

/** Bounds of a number field, inclusive. */
export interface NumberRange {
  readonly min: number;
  readonly max: number;
}

/** Largest size that any dimension of a supported model may state; catches damaged files before anything is allocated. */
export const SIZE_LIMITS = {
  hidden: { min: 1, max: 1 << 17 },
  intermediate: { min: 1, max: 1 << 20 },
  layers: { min: 1, max: 1024 },
  heads: { min: 1, max: 4096 },
  headDim: { min: 2, max: 4096 },
  vocab: { min: 1, max: 1 << 24 },
  positions: { min: 1, max: 2 ** 31 - 1 },
} as const satisfies Record<string, NumberRange>;

/** Value in words for an error message, never longer than a line. */
export function describeValue(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "string") return value.length > 40 ? `a string of ${value.length} characters` : `"${value}"`;
  if (typeof value === "object" && value !== null) return "an object";
  return String(value);
}

/** True for a plain JSON object (not null, not a list). */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Typed, checked reads from one JSON object. Every failure is a `KvfoldError` that names the key, what was found and what
 * would be right. `null` counts as a missing key except in the `...OrNull` readers, where it means "none" (as in Python).
 */
export class ConfigFields {
  private readonly json: Record<string, unknown>;
  private readonly where: string;
  private readonly code: string;

  /**
   * @param json the object to read
   * @param where its name in messages, for example `config.json` or `config.json: rope_scaling`
   * @param code error code of every failure
   */
  constructor(json: unknown, where: string, code = "config-malformed") {
    this.where = where;
    this.code = code;
    if (!isJsonObject(json))
      throw new KvfoldError(code, `${where} must be a JSON object, but is ${describeValue(json)}.`);
    this.json = json;
  }

  /** The raw value; undefined when missing or inherited. */
  raw(key: string): unknown {
    return Object.hasOwn(this.json, key) ? this.json[key] : undefined;
  }

  /** True when the key is there and not null. */
  has(key: string): boolean {
    return this.raw(key) !== undefined && this.raw(key) !== null;
  }

  /** Whole number in `range`; `fallback` when missing; an error when missing without fallback. */
  integer(key: string, fallback: number | undefined, range: NumberRange): number {
    const value = this.number(key, fallback, range);
    if (!Number.isInteger(value)) this.fail(key, `must be a whole number, but is ${value}`);
    return value;
  }

  /** As {@link integer}, but an explicit null means none. */
  integerOrNull(key: string, fallback: number | null, range: NumberRange): number | null {
    const value = this.raw(key);
    if (value === null) return null;
    if (value === undefined && fallback === null) return null;
    return this.integer(key, fallback ?? undefined, range);
  }

  /** Finite number in `range`. */
  number(key: string, fallback: number | undefined, range: NumberRange): number {
    const value = this.raw(key) ?? fallback;
    if (value === undefined) this.fail(key, "is missing");
    if (typeof value !== "number") this.fail(key, `must be a number, but is ${describeValue(value)}`);
    if (!(value >= range.min && value <= range.max))
      this.fail(key, `must be between ${range.min} and ${range.max}, but is ${value}`);
    return value;
  }

  /** Finite number in `range`, or undefined when missing or null. */
  optionalNumber(key: string, range: NumberRange): number | undefined {
    return this.has(key) ? this.number(key, undefined, range) : undefined;
  }

  /** true or false. */
  boolean(key: string, fallback: boolean): boolean {
    const value = this.raw(key) ?? fallback;
    if (typeof value !== "boolean") this.fail(key, `must be true or false, but is ${describeValue(value)}`);
    return value;
  }

  /** A string; `fallback` when missing. */
  string(key: string, fallback: string | undefined): string {
    const value = this.raw(key) ?? fallback;
    if (value === undefined) this.fail(key, "is missing");
    if (typeof value !== "string") this.fail(key, `must be a string, but is ${describeValue(value)}`);
    return value;
  }

  /** One of the listed strings. */
  choice<T extends string>(key: string, fallback: T | undefined, choices: readonly T[]): T {
    const value = this.string(key, fallback);
    const found = choices.find((choice) => choice === value);
    if (found === undefined) this.fail(key, `must be one of ${choices.join(", ")}, but is ${describeValue(value)}`);
    return found;
  }

  /** A list, or undefined when missing or null. */
  list(key: string): readonly unknown[] | undefined {
    const value = this.raw(key);
    if (value === undefined || value === null) return undefined;
    if (!Array.isArray(value)) this.fail(key, `must be a list, but is ${describeValue(value)}`);
    return value;
  }

  /** Checked reads from a nested object. */
  nested(key: string): ConfigFields {
    return new ConfigFields(this.raw(key), `${this.where}: ${key}`, this.code);
  }

  /** Throws: `<where>: "<key>" <problem>.` */
  fail(key: string, problem: string): never {
    throw new KvfoldError(this.code, `${this.where}: "${key}" ${problem}.`);
  }
}
