import { z } from "zod";
import { formatTokenCount, tokenCount } from "./token-count.js";

/** What the reference and the comments of recipes say about a key. */
export interface KeyNotes {
  readonly meaning: string;
  readonly type: string;
  /** As it is written in a recipe, or in words where it is computed; `required` where there is none. */
  readonly default: string;
}

/** Notes of every key of the schema. */
export const keyNotes = z.registry<KeyNotes>();

/** What a value must be, in words that follow "must be". */
const kinds = z.registry<{ readonly type: string }>();

function kind<T extends z.ZodType>(type: string, schema: T): T {
  kinds.add(schema, { type });
  return schema;
}

/** A whole number of at least `least`. */
export function whole(least: number) {
  const type = `a whole number from ${least} up`;
  return kind(type, z.number(type).int(type).min(least, type));
}

/** A finite number above `above`, and at most `most`. */
export function real(above: number, most = Number.POSITIVE_INFINITY) {
  const type = Number.isFinite(most) ? `a number above ${above}, at most ${most}` : `a number above ${above}`;
  return kind(type, z.number(type).gt(above, type).max(most, type));
}

/** A finite number from 0 up, or within 0..`most`. */
export function fromZero(most = Number.POSITIVE_INFINITY) {
  const type = Number.isFinite(most) ? `a number from 0 to ${most}` : "a number from 0 up";
  return kind(type, z.number(type).min(0, type).max(most, type));
}

/** Any finite number. */
export function finite() {
  return kind("a number", z.number("a number"));
}

/** A positive number; `.inf` is one. */
export function limit() {
  const type = "a number above 0, or .inf";
  return kind(
    type,
    z.custom<number>((value) => typeof value === "number" && value > 0, type),
  );
}

/** A number of tokens, as {@link tokenCount} reads it. */
export function tokens(least: number) {
  const type = `a number of tokens from ${least} up, such as 200k or 5M`;
  const schema = z.unknown().transform((value, context): number => {
    const count = tokenCount(value);
    if (count !== undefined && count >= least) return count;
    context.issues.push({ code: "custom", message: type, input: value });
    return z.NEVER;
  });
  return kind(type, schema);
}

export function flag() {
  return kind("true or false", z.boolean("true or false"));
}

export function text(type: string) {
  return kind(type, z.string(type).min(1, type));
}

/** One path, or a list of at least one. */
export function paths() {
  const type = "a path or glob, or a list of them";
  const one = z.string().min(1);
  return kind(type, z.union([one.transform((path) => [path]), z.array(one).min(1)], type));
}

export function oneOf<const T extends readonly [string, ...string[]]>(...choices: T) {
  const type = `${choices.slice(0, -1).join(", ")} or ${choices.at(-1)}`;
  return kind(type, z.enum(choices, type));
}

/** AdamW's two moments. */
export function betas() {
  const type = "two numbers from 0 up and below 1, [0.9, 0.95]";
  const one = z.number().min(0).lt(1);
  return kind(type, z.tuple([one, one], type));
}

/** Fields of a Hugging Face `config.json`; what they must be is checked where they are read. */
export function fields() {
  const type = "fields of a Hugging Face config.json";
  return kind(type, z.record(z.string(), z.unknown(), type));
}

/** Allows null, which says "none". */
export function orNull<T extends z.ZodType>(schema: T) {
  return kind(`${kinds.get(schema)?.type}, or null`, schema.nullable());
}

function annotate<T extends z.ZodType>(schema: T, notes: KeyNotes): T {
  keyNotes.add(schema, notes);
  return schema;
}

const typeOf = (schema: z.ZodType) => kinds.get(schema)?.type ?? "";

/** A key that must be there. */
export function required<T extends z.ZodType>(schema: T, meaning: string): T {
  return annotate(schema, { meaning, type: typeOf(schema), default: "required" });
}

/** A key with a fixed default. */
export function withDefault<T extends z.ZodType>(schema: T, value: z.output<T>, meaning: string) {
  const tokenKey = typeOf(schema).startsWith("a number of tokens");
  const written = tokenKey ? formatTokenCount(value as number) : JSON.stringify(value).replaceAll('"', "");
  const defaulted = schema.default(value as never);
  return annotate(defaulted, { meaning, type: typeOf(schema), default: written.replaceAll(",", ", ") });
}

/** A key whose default depends on others; `rule` says how, in words. */
export function computed<T extends z.ZodType>(schema: T, rule: string, meaning: string) {
  return annotate(schema.optional(), { meaning, type: typeOf(schema), default: rule });
}

/** A section of keys; without it every key has its default. */
export function section<T extends z.core.$ZodLooseShape>(meaning: string, shape: T) {
  const schema = bareSection(meaning, shape);
  return annotate(schema.prefault({} as never), keyNotes.get(schema) as KeyNotes);
}

/** A section whose presence says something. */
export function bareSection<T extends z.core.$ZodLooseShape>(meaning: string, shape: T) {
  const type = "a section of keys";
  return annotate(z.strictObject(shape, type), { meaning, type, default: "" });
}

/** A section that is absent, or null, where it does not apply. */
export function optionalSection<T extends z.core.$ZodLooseShape>(meaning: string, shape: T, absent = "none") {
  const type = "a section of keys, or null";
  return annotate(z.strictObject(shape, type).nullable().optional(), { meaning, type, default: absent });
}
