import { KvfoldError } from "@kvfold/core";
import { ConfigFields, describeValue, isJsonObject } from "../config/config-fields.js";

export const TOKENIZER_ERROR = "tokenizer-malformed";

/** Most tokens, and most merges, that a vocabulary may have; the largest real ones have 262,144. */
const MAX_ENTRIES = 1 << 22;
/** Longest token in characters; the longest real ones are runs of some hundred spaces. */
const MAX_TOKEN_LENGTH = 16_384;

/** A token that is found in the text before the model splits it. */
export interface AddedTokenJson {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
  readonly normalized: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
}

/** The checked BPE model of a `tokenizer.json`. */
export interface BpeModelJson {
  readonly type: "BPE";
  readonly vocab: Readonly<Record<string, number>>;
  readonly merges: readonly (readonly [string, string])[];
  readonly unk_token: string | null;
  readonly fuse_unk: boolean;
  readonly byte_fallback: boolean;
  readonly ignore_merges: boolean;
}

/** A checked `tokenizer.json`; the stages keep their JSON form, each is checked where it is used. */
export interface TokenizerJson {
  readonly model: BpeModelJson;
  readonly addedTokens: readonly AddedTokenJson[];
  /** Spelling of every id; undefined for an unused one. */
  readonly tokens: readonly (string | undefined)[];
  readonly ids: ReadonlyMap<string, number>;
  readonly normalizer: unknown;
  readonly preTokenizer: unknown;
  readonly postProcessor: unknown;
  readonly decoder: unknown;
}

/**
 * Checks the vocabulary, merges and added tokens of a `tokenizer.json` before any engine sees them.
 *
 * @throws KvfoldError `tokenizer-malformed` with a sentence that names the entry; `tokenizer-unsupported` for other models
 * than BPE
 */
export function parseTokenizerJson(json: unknown): TokenizerJson {
  const fields = new ConfigFields(json, "tokenizer.json", TOKENIZER_ERROR);
  if (!fields.has("model"))
    fields.fail("model", "is missing; a tokenizer.json of a Llama-family model has a BPE model there");
  const modelFields = fields.nested("model");
  const type = modelFields.string("type", "BPE");
  if (type !== "BPE")
    throw new KvfoldError(
      "tokenizer-unsupported",
      `tokenizer.json: model type "${type.slice(0, 40)}" is not supported. Supported: BPE (byte-level and SentencePiece).`,
    );
  const ids = readVocab(modelFields);
  const merges = readMerges(modelFields, ids);
  const unknown = modelFields.has("unk_token") ? modelFields.string("unk_token", undefined) : null;
  for (const affix of ["continuing_subword_prefix", "end_of_word_suffix"])
    if (modelFields.has(affix) && modelFields.string(affix, "") !== "")
      modelFields.fail(affix, "is set, but only BPE without word affixes is supported");
  const addedTokens = readAddedTokens(fields, ids);
  if (unknown !== null && !ids.has(unknown)) modelFields.fail("unk_token", "is not in the vocabulary");
  return {
    model: {
      type: "BPE",
      vocab: modelFields.raw("vocab") as Record<string, number>,
      merges,
      unk_token: unknown,
      fuse_unk: modelFields.boolean("fuse_unk", false),
      byte_fallback: modelFields.boolean("byte_fallback", false),
      ignore_merges: modelFields.boolean("ignore_merges", false),
    },
    addedTokens,
    tokens: listById(fields, ids),
    ids,
    normalizer: fields.raw("normalizer") ?? null,
    preTokenizer: fields.raw("pre_tokenizer") ?? null,
    postProcessor: fields.raw("post_processor") ?? null,
    decoder: fields.raw("decoder") ?? null,
  };
}

function readVocab(fields: ConfigFields): Map<string, number> {
  const vocab = fields.raw("vocab");
  if (!isJsonObject(vocab)) fields.fail("vocab", `must be an object of token to id, but is ${describeValue(vocab)}`);
  const entries = Object.entries(vocab);
  if (entries.length === 0) fields.fail("vocab", "is empty");
  if (entries.length > MAX_ENTRIES)
    fields.fail("vocab", `has ${entries.length} tokens; at most ${MAX_ENTRIES} are read`);
  const ids = new Map<string, number>();
  for (const [token, id] of entries) {
    if (token.length > MAX_TOKEN_LENGTH) fields.fail("vocab", `has a token of ${token.length} characters`);
    if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id > MAX_ENTRIES)
      fields.fail("vocab", `gives ${describeValue(token)} the id ${describeValue(id)}; ids are whole numbers from 0`);
    ids.set(token, id);
  }
  return ids;
}

function readMerges(fields: ConfigFields, ids: ReadonlyMap<string, number>): [string, string][] {
  const merges = fields.list("merges");
  if (merges === undefined) fields.fail("merges", "is missing");
  if (merges.length > MAX_ENTRIES)
    fields.fail("merges", `has ${merges.length} entries; at most ${MAX_ENTRIES} are read`);
  return merges.map((merge, index) => {
    const pair = typeof merge === "string" ? merge.split(" ") : merge;
    if (!Array.isArray(pair) || pair.length !== 2 || typeof pair[0] !== "string" || typeof pair[1] !== "string")
      fields.fail(
        "merges",
        `entry ${index} must name two tokens ("a b" or ["a", "b"]), but is ${describeValue(merge)}`,
      );
    const [left, right] = pair;
    for (const token of [left, right, left + right])
      if (!ids.has(token))
        fields.fail("merges", `entry ${index} needs ${describeValue(token)}, which is not in the vocabulary`);
    return [left, right];
  });
}

function readAddedTokens(fields: ConfigFields, ids: Map<string, number>): AddedTokenJson[] {
  const list = fields.list("added_tokens") ?? [];
  if (list.length > MAX_ENTRIES) fields.fail("added_tokens", `has ${list.length} entries`);
  const seen = new Set<string>();
  return list.map((item, index) => {
    const entry = new ConfigFields(item, `tokenizer.json: added_tokens[${index}]`, TOKENIZER_ERROR);
    const content = entry.string("content", undefined);
    const id = entry.integer("id", undefined, { min: 0, max: MAX_ENTRIES });
    if (content === "" || content.length > MAX_TOKEN_LENGTH) entry.fail("content", "must be a short, non-empty string");
    if (seen.has(content)) entry.fail("content", `${describeValue(content)} is listed twice`);
    seen.add(content);
    const known = ids.get(content);
    if (known !== undefined && known !== id) entry.fail("id", `is ${id}, but the vocabulary gives this token ${known}`);
    ids.set(content, id);
    // The engine looks added tokens up without regard to word borders.
    if (entry.boolean("single_word", false)) entry.fail("single_word", "is true, which is not supported");
    const special = entry.boolean("special", false);
    return {
      id,
      content,
      special,
      normalized: entry.boolean("normalized", !special),
      lstrip: entry.boolean("lstrip", false),
      rstrip: entry.boolean("rstrip", false),
    };
  });
}

/** Ids may leave gaps (reserved ones), but not by far: the list is as long as the largest id. */
function listById(fields: ConfigFields, ids: ReadonlyMap<string, number>): (string | undefined)[] {
  let largest = 0;
  for (const id of ids.values()) largest = Math.max(largest, id);
  if (largest > 2 * ids.size + 65_536)
    fields.fail("model", `has ids up to ${largest} for ${ids.size} tokens; such a gap is refused as damaged`);
  const tokens = new Array<string | undefined>(largest + 1).fill(undefined);
  for (const [token, id] of ids) {
    const other = tokens[id];
    if (other !== undefined)
      fields.fail("model", `gives id ${id} to both ${describeValue(other)} and ${describeValue(token)}`);
    tokens[id] = token;
  }
  return tokens;
}
