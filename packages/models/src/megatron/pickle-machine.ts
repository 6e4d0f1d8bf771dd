import { KvfoldError } from "@kvfold/core";
import type { PickleFail, PickleValue } from "./pickle-values.js";

/** Real checkpoints take some 50 per tensor, and 700 per data-parallel rank for its random state. */
const MAX_STEPS = 1 << 21;
/** Tuples, lists, strings, long integers; larger ones count as {@link LARGE_COST}. */
const MAX_OBJECTS = 1 << 20;
const MAX_MEMO = 1 << 20;
const MAX_GLOBAL_NAME = 200;
/** Random states have words of 5 bytes, counts of operations some 10. */
const MAX_INTEGER_BYTES = 16;

/** What a dict, a global or the result of a call costs of the budget of objects: they take more memory than a list. */
export const LARGE_COST = 4;

/**
 * Stack, marks, memo and position of a pickle that is being read. Memory is bounded by budgets, since a few bytes of a
 * pickle can ask for an object each; nothing is ever expanded, so values that refer to each other cost nothing.
 */
export class PickleMachine {
  readonly path: string;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  readonly #stack: PickleValue[] = [];
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, PickleValue>();
  #at = 0;
  #steps = 0;
  #objects = 0;

  constructor(bytes: Uint8Array, path: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.path = path;
  }

  /** Throws: refused, with the position. */
  readonly fail: PickleFail = (what) => {
    throw new KvfoldError("pickle-refused", `${this.path}: data.pkl is refused: ${what} (before byte ${this.#at}).`);
  };

  /** The next opcode. */
  step(): number {
    if (++this.#steps > MAX_STEPS) this.fail(`it has more than ${MAX_STEPS} instructions`);
    return this.u8();
  }

  /** Counts new objects against the budget. */
  spend(objects: number): void {
    this.#objects += objects;
    if (this.#objects > MAX_OBJECTS) this.fail(`it makes more than ${MAX_OBJECTS} objects`);
  }

  push(value: PickleValue): void {
    this.#stack.push(value);
  }

  pop(): PickleValue {
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0)) this.fail("it takes a value from an empty stack");
    return this.#stack.pop() as PickleValue;
  }

  /** The value on top, which stays. */
  top(): PickleValue {
    const value = this.pop();
    this.#stack.push(value);
    return value;
  }

  mark(): void {
    this.#marks.push(this.#stack.length);
  }

  /** Everything above the last mark. */
  popToMark(): PickleValue[] {
    const mark = this.#marks.pop();
    return mark === undefined ? this.fail("it has no mark to go back to") : this.#stack.splice(mark);
  }

  /** Remembers the value on top. */
  remember(index: number): void {
    if (this.#memo.size >= MAX_MEMO) this.fail(`it remembers more than ${MAX_MEMO} values`);
    this.#memo.set(index, this.top());
  }

  recall(index: number): void {
    const value = this.#memo.get(index);
    this.push(value === undefined ? this.fail(`it recalls the value ${index}, which it never stored`) : value);
  }

  /** The only value, when all bytes are read. */
  finish(): PickleValue {
    const value = this.pop();
    if (this.#stack.length > 0 || this.#marks.length > 0) this.fail("it ends with more than one value");
    if (this.#at < this.#bytes.length) this.fail(`${this.#bytes.length - this.#at} bytes follow its end`);
    return value;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  i32(): number {
    return this.#view.getInt32(this.#take(4), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  /** Big-endian, as the only number of the format. */
  f64(): number {
    return this.#view.getFloat64(this.#take(8), false);
  }

  /** A signed little-endian integer of `length` bytes; those of more than 6 count as objects, since they become bigints. */
  integer(length: number): number | bigint {
    if (length > MAX_INTEGER_BYTES) this.fail(`it has an integer of ${length} bytes`);
    const start = this.#take(length);
    const byte = (i: number) => this.#bytes[start + i] as number;
    if (length <= 6) {
      let value = 0;
      for (let i = length - 1; i >= 0; i--) value = value * 256 + byte(i);
      return length > 0 && byte(length - 1) >= 128 ? value - 256 ** length : value;
    }
    this.spend(1);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(byte(i));
    const signed = BigInt.asIntN(8 * length, value);
    const number = Number(signed);
    return Number.isSafeInteger(number) ? number : signed;
  }

  text(length: number): string {
    const start = this.#take(length);
    try {
      return this.#decoder.decode(this.#bytes.subarray(start, start + length));
    } catch {
      return this.fail("a string is not UTF-8");
    }
  }

  /** Text up to the end of the line, a part of a global's name. */
  line(): string {
    const end = this.#bytes.subarray(this.#at, this.#at + MAX_GLOBAL_NAME).indexOf(10);
    if (end < 0) this.fail("the name of a global does not end");
    const text = this.text(end);
    this.#take(1);
    return text;
  }

  #take(length: number): number {
    if (length > this.#bytes.length - this.#at) this.fail("it ends in the middle (truncated?)");
    this.#at += length;
    return this.#at - length;
  }
}
