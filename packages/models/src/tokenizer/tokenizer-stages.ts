import { KvfoldError } from "@kvfold/core";
import { ConfigFields, describeValue, isJsonObject } from "../config/config-fields.js";
import { TOKENIZER_ERROR } from "./tokenizer-json.js";

/** One stage of a `tokenizer.json` in the engine's spelling. */
export type StageJson = Readonly<Record<string, unknown>> & { readonly type: string };

/** Nested `Sequence` stages deeper than this are refused; it also ends on objects that contain themselves. */
const MAX_DEPTH = 8;
const MAX_STAGES = 64;
const MAX_PATTERN = 4096;

/** How GPT-2 cuts text into words; the pattern behind `ByteLevel` with `use_regex`. */
export const GPT2_PATTERN = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

const NORMALIZERS = ["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "Prepend", "Replace", "Strip"];
const PRE_TOKENIZERS = ["ByteLevel", "Digits", "Metaspace", "Split"];

/** Flattens nested `Sequence` stages into one list of checked objects. `list` names the key that holds the inner stages. */
export function flattenStages(stage: unknown, key: string, list: string, depth = 0): StageJson[] {
  if (stage === null || stage === undefined) return [];
  const where = `tokenizer.json: ${key}`;
  const fields = new ConfigFields(stage, where, TOKENIZER_ERROR);
  const type = fields.string("type", undefined);
  if (type !== "Sequence") return [stage as StageJson];
  const inner = fields.list(list) ?? fields.fail(list, "is missing");
  if (depth >= MAX_DEPTH || inner.length > MAX_STAGES)
    throw new KvfoldError(
      TOKENIZER_ERROR,
      `${where} has more nested stages than any real tokenizer; refused as damaged.`,
    );
  return inner.flatMap((item) => flattenStages(item, key, list, depth + 1));
}

/** The checked normaliser stages. */
export function readNormalizers(stage: unknown): StageJson[] {
  return flattenStages(stage, "normalizer", "normalizers").map((normalizer) => {
    const fields = stageFields(normalizer, "normalizer", NORMALIZERS);
    if (normalizer.type === "Prepend") fields.string("prepend", undefined);
    if (normalizer.type === "Replace") {
      checkPattern(fields);
      fields.string("content", undefined);
    }
    return normalizer;
  });
}

/**
 * The checked pre-tokeniser stages, with three of the engine's shortcuts replaced by what the reference does:
 * `Digits` there knows ASCII digits only (the reference: every \p{N}); the pattern inside `ByteLevel` uses JavaScript's `\s`
 * (the reference: Unicode White_Space, with U+0085 and without U+FEFF); and a `Split` keeps all its matches isolated, whatever
 * its behaviour says.
 */
export function readPreTokenizers(stage: unknown, normalizers: readonly StageJson[]): StageJson[] {
  return flattenStages(stage, "pre_tokenizer", "pretokenizers").flatMap((item) => {
    const fields = stageFields(item, "pre_tokenizer", PRE_TOKENIZERS);
    if (item.type === "Digits") return [isolate(fields.boolean("individual_digits", false) ? "\\p{N}" : "\\p{N}+")];
    if (item.type === "ByteLevel") return byteLevel(fields);
    if (item.type === "Split") return split(fields, item, normalizers);
    fields.string("replacement", "▁");
    return [item];
  });
}

function byteLevel(fields: ConfigFields): StageJson[] {
  const prefix = fields.boolean("add_prefix_space", false);
  const cut = fields.boolean("use_regex", true);
  if (prefix && cut) return [{ type: "ByteLevel", add_prefix_space: true, use_regex: true }];
  const bytes = { type: "ByteLevel", add_prefix_space: prefix, use_regex: false };
  return cut ? [isolate(GPT2_PATTERN), bytes] : [bytes];
}

function split(fields: ConfigFields, item: StageJson, normalizers: readonly StageJson[]): StageJson[] {
  const pattern = checkPattern(fields);
  const behavior = fields.string("behavior", "Isolated");
  // Gemma splits on the very spaces that its normaliser has replaced: such a split never matches.
  const replaced = (stage: StageJson) => stage.type === "Replace" && literal(stage.pattern) === literal(pattern);
  if (literal(pattern) !== undefined && normalizers.some(replaced)) return [];
  if (behavior !== "Isolated" && behavior !== "Removed")
    fields.fail("behavior", `is ${describeValue(behavior)}; supported: Isolated, Removed`);
  return [{ type: "Split", pattern, behavior, invert: fields.boolean("invert", item.invert === true) }];
}

/** The searched text of a `{String}` pattern. */
function literal(pattern: unknown): string | undefined {
  return isJsonObject(pattern) && typeof pattern.String === "string" ? pattern.String : undefined;
}

function isolate(regex: string): StageJson {
  return { type: "Split", pattern: { Regex: regex }, behavior: "Isolated", invert: false };
}

function stageFields(stage: StageJson, key: string, supported: readonly string[]): ConfigFields {
  if (!supported.includes(stage.type))
    throw new KvfoldError(
      "tokenizer-unsupported",
      `tokenizer.json: ${key} "${String(stage.type).slice(0, 40)}" is not supported. Supported: ${supported.join(", ")}.`,
    );
  return new ConfigFields(stage, `tokenizer.json: ${key} ${stage.type}`, TOKENIZER_ERROR);
}

function checkPattern(fields: ConfigFields): Record<string, string> {
  const pattern = fields.nested("pattern");
  const kind = pattern.has("Regex") ? "Regex" : "String";
  const text = pattern.string(kind, undefined);
  if (text === "" || text.length > MAX_PATTERN) pattern.fail(kind, `must have 1 to ${MAX_PATTERN} characters`);
  return { [kind]: text };
}
