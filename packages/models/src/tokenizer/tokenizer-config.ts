import { ConfigFields, describeValue } from "../config/config-fields.js";

const CODE = "tokenizer-config-malformed";

/** What `tokenizer_config.json` adds to the tokenizer itself. */
export interface TokenizerConfig {
  readonly bosToken: string | undefined;
  readonly eosTokens: readonly string[];
  /** Whether BOS goes before a text, where the file says so. */
  readonly addBos: boolean | undefined;
  /** By name; the usual one is `default`. */
  readonly chatTemplates: ReadonlyMap<string, string>;
}

/**
 * Checks and reads a `tokenizer_config.json` (undefined: as an empty one).
 *
 * @param json the parsed file
 * @param where its name in messages
 * @throws KvfoldError `tokenizer-config-malformed`
 */
export function parseTokenizerConfig(json: unknown, where = "tokenizer_config.json"): TokenizerConfig {
  const fields = new ConfigFields(json ?? {}, where, CODE);
  const eos = readToken(fields, "eos_token");
  return {
    bosToken: readToken(fields, "bos_token"),
    eosTokens: eos === undefined ? [] : [eos],
    addBos: fields.has("add_bos_token") ? fields.boolean("add_bos_token", false) : undefined,
    chatTemplates: readChatTemplates(fields),
  };
}

/** A token is its text, or an object with the text as `content`. */
function readToken(fields: ConfigFields, key: string): string | undefined {
  const value = fields.raw(key);
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string") return value;
  if (typeof value === "object" && !Array.isArray(value)) return fields.nested(key).string("content", undefined);
  return fields.fail(key, `must be a token or an object with its "content", but is ${describeValue(value)}`);
}

/** One template, or a list of named ones. */
function readChatTemplates(fields: ConfigFields): Map<string, string> {
  const templates = new Map<string, string>();
  const value = fields.raw("chat_template");
  if (value === undefined || value === null) return templates;
  if (typeof value === "string") return templates.set("default", value);
  if (!Array.isArray(value) || value.length > 64)
    return fields.fail("chat_template", `must be a template or a list of named ones, but is ${describeValue(value)}`);
  for (const item of value) {
    const named = new ConfigFields(item, "tokenizer_config.json: chat_template item", CODE);
    templates.set(named.string("name", undefined), named.string("template", undefined));
  }
  return templates;
}
