import { Tokenizer as BpeEngine } from "@huggingface/tokenizers";
import { KvfoldError } from "@kvfold/core";
import { readSpecialTemplate } from "./special-template.js";
import { readTokenSpelling, type TokenSpelling } from "./token-spelling.js";
import type { DecodeOptions, EncodeOptions, Tokenizer } from "./tokenizer.js";
import type { TokenizerConfig } from "./tokenizer-config.js";
import { parseTokenizerJson, TOKENIZER_ERROR, type TokenizerJson } from "./tokenizer-json.js";
import { readNormalizers, readPreTokenizers, type StageJson } from "./tokenizer-stages.js";

const utf8 = new TextEncoder();
const NOTHING = new Uint8Array(0);

/**
 * Builds a tokenizer from a `tokenizer.json` object and the checked `tokenizer_config.json`.
 * Encoding runs in `@huggingface/tokenizers`; special tokens, decoding and all checks are done here.
 *
 * @throws KvfoldError `tokenizer-malformed` or `tokenizer-unsupported`
 */
export function createTokenizer(json: unknown, config: TokenizerConfig): Tokenizer {
  const parsed = parseTokenizerJson(json);
  const specialIds = new Set(parsed.addedTokens.filter((token) => token.special).map((token) => token.id));
  const spelling = readTokenSpelling(parsed.decoder);
  const engines = buildEngines(parsed);
  const bosId = findToken(parsed, config.bosToken);
  const template = readSpecialTemplate(parsed.postProcessor, parsed.ids);
  const addBos = config.addBos === true && bosId !== undefined && !template.before.includes(bosId);
  const before = addBos ? [bosId, ...template.before] : template.before;

  const bytesById = tokenBytesTable(parsed, spelling);
  const decode = (ids: ArrayLike<number>, options?: DecodeOptions) =>
    decodeIds(ids, bytesById, (options?.skipSpecialTokens ?? true) ? specialIds : undefined, spelling);

  return {
    vocabSize: parsed.tokens.length,
    bosId,
    eosIds: config.eosTokens.flatMap((token) => findToken(parsed, token) ?? []),
    specialIds,
    chatTemplates: config.chatTemplates,
    stripsLeadingSpace: spelling.stripsLeadingSpace,
    encode: (text, options) => encodeText(text, options, engines, before, template.after),
    decode,
    idToToken: (id) => parsed.tokens[id],
    tokenToId: (token) => parsed.ids.get(token),
    tokenBytes: bytesById,
  };
}

/** The same model behind two splitters: with all added tokens, and without the special ones. */
interface Engines {
  readonly special: BpeEngine;
  readonly plain: BpeEngine;
}

function buildEngines(parsed: TokenizerJson): Engines {
  const normalizers = readNormalizers(parsed.normalizer);
  const preTokenizers = readPreTokenizers(parsed.preTokenizer, normalizers);
  const build = (addedTokens: TokenizerJson["addedTokens"], model: object) =>
    new BpeEngine(
      {
        model,
        added_tokens: addedTokens,
        normalizer: sequence(normalizers, "normalizers"),
        pre_tokenizer: sequence(preTokenizers, "pretokenizers"),
        post_processor: null,
        decoder: null,
      },
      {},
    );
  try {
    const special = build(parsed.addedTokens, parsed.model);
    const ordinary = parsed.addedTokens.filter((token) => !token.special);
    const plain = build(ordinary, { ...parsed.model, vocab: {}, merges: [] });
    // One vocabulary in memory: the second engine only differs in what it looks for before the model runs.
    plain.model = special.model;
    return { special, plain };
  } catch (error) {
    const reason = error instanceof Error ? error.message.slice(0, 200) : "unknown reason";
    throw new KvfoldError(TOKENIZER_ERROR, `tokenizer.json was refused by the engine: ${reason}.`, { cause: error });
  }
}

function sequence(stages: readonly StageJson[], key: string): object | null {
  return stages.length === 0 ? null : { type: "Sequence", [key]: stages };
}

function encodeText(
  text: string,
  options: EncodeOptions = {},
  engines: Engines,
  before: readonly number[],
  after: readonly number[],
): Int32Array {
  if (typeof text !== "string")
    throw new KvfoldError("tokenizer-input", `encode needs a string, but got ${typeof text}.`);
  const engine = (options.parseSpecialTokens ?? true) ? engines.special : engines.plain;
  const { ids } = engine.encode(text, { add_special_tokens: false });
  return Int32Array.from((options.addSpecialTokens ?? true) ? [...before, ...ids, ...after] : ids);
}

/** Token bytes, made on first use. */
function tokenBytesTable(parsed: TokenizerJson, spelling: TokenSpelling): (id: number) => Uint8Array {
  const added = new Set(parsed.addedTokens.map((token) => token.id));
  const cache = new Map<number, Uint8Array>();
  return (id) => {
    if (!Number.isInteger(id) || id < 0)
      throw new KvfoldError("token-id", `Token ids are whole numbers from 0, but got ${String(id)}.`);
    const token = parsed.tokens[id];
    if (token === undefined) return NOTHING;
    const known = cache.get(id);
    if (known !== undefined) return known;
    const bytes = added.has(id) ? utf8.encode(token) : spelling.bytes(token);
    cache.set(id, bytes);
    return bytes;
  };
}

function decodeIds(
  ids: ArrayLike<number>,
  bytesById: (id: number) => Uint8Array,
  skipped: ReadonlySet<number> | undefined,
  spelling: TokenSpelling,
): string {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i] as number;
    const bytes = bytesById(id);
    if (skipped?.has(id)) continue;
    pieces.push(bytes);
    length += bytes.length;
  }
  const all = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  const start = spelling.stripsLeadingSpace && all[0] === 0x20 ? 1 : 0;
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(all.subarray(start));
}

function findToken(parsed: TokenizerJson, token: string | undefined): number | undefined {
  return token === undefined ? undefined : parsed.ids.get(token);
}
