import { KvfoldError, quoted } from "@kvfold/core";

/** Arrays of numbers come as typed arrays of the file's own type; 64-bit integers as BigInt arrays. */
export type GgufNumbers =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array;

/** A value of GGUF metadata. 64-bit integers are numbers where that is exact, else BigInt. */
export type GgufValue = number | bigint | boolean | string | GgufNumbers | boolean[] | string[] | GgufValue[];

/**
 * The key-value pairs of a GGUF file with checked access: each reader returns undefined for an absent key and throws
 * `gguf-metadata` for a value of another type; the `require...` forms throw for an absent key too.
 */
export class GgufMetadata {
  /** All pairs, in the order of the file. */
  readonly entries: ReadonlyMap<string, GgufValue>;
  readonly #path: string;

  /** @param path file name, for messages */
  constructor(entries: ReadonlyMap<string, GgufValue>, path: string) {
    this.entries = entries;
    this.#path = path;
  }

  /** Whether the key is there. */
  has(key: string): boolean {
    return this.entries.has(key);
  }

  /** A text. */
  string(key: string): string | undefined {
    return this.#typed(key, "a string", (value): value is string => typeof value === "string");
  }

  /** A number; 64-bit integers beyond 2^53 are refused. */
  number(key: string): number | undefined {
    return this.#typed(key, "a number", (value): value is number => typeof value === "number");
  }

  /** A truth value. */
  boolean(key: string): boolean | undefined {
    return this.#typed(key, "a boolean", (value): value is boolean => typeof value === "boolean");
  }

  /** A list of texts, for example `tokenizer.ggml.tokens`. */
  strings(key: string): readonly string[] | undefined {
    return this.#typed(
      key,
      "a list of strings",
      (value): value is string[] => Array.isArray(value) && value.every((item) => typeof item === "string"),
    );
  }

  /** A list of numbers (8 to 32 bits, or floating point), for example `tokenizer.ggml.scores`. */
  numbers(key: string): ArrayLike<number> | undefined {
    return this.#typed(
      key,
      "a list of numbers",
      (value): value is Exclude<GgufNumbers, BigInt64Array | BigUint64Array> =>
        ArrayBuffer.isView(value) && !(value instanceof BigInt64Array) && !(value instanceof BigUint64Array),
    );
  }

  /** @throws KvfoldError `gguf-metadata` when the key is absent or not a text */
  requireString(key: string): string {
    return this.string(key) ?? this.#absent(key);
  }

  /** @throws KvfoldError `gguf-metadata` when the key is absent or not a number */
  requireNumber(key: string): number {
    return this.number(key) ?? this.#absent(key);
  }

  /** @throws KvfoldError `gguf-metadata` when the key is absent or not a list of texts */
  requireStrings(key: string): readonly string[] {
    return this.strings(key) ?? this.#absent(key);
  }

  #typed<T extends GgufValue>(key: string, wanted: string, is: (value: GgufValue) => value is T): T | undefined {
    const value = this.entries.get(key);
    if (value === undefined) return undefined;
    if (is(value)) return value;
    throw new KvfoldError("gguf-metadata", `${this.#path}: ${key} should be ${wanted} but is ${describe(value)}.`);
  }

  #absent(key: string): never {
    const group = key.slice(0, key.lastIndexOf(".") + 1);
    const near = [...this.entries.keys()].filter((other) => other.startsWith(group)).slice(0, 12);
    throw new KvfoldError(
      "gguf-metadata",
      `${this.#path} has no metadata ${key}; under ${group}* it has ${near.length === 0 ? "nothing" : near.join(", ")}.`,
    );
  }
}

function describe(value: GgufValue): string {
  if (typeof value === "string") return `the string ${quoted(value)}`;
  if (typeof value !== "object") return `the ${typeof value} ${value}`;
  return Array.isArray(value) ? `a list of ${value.length}` : `a list of ${value.length} (${value.constructor.name})`;
}
