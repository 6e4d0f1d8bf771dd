import type { TokenShard } from "@kvfold/train";
import { resolvePath } from "../model/resolve.js";
import { figure } from "../terminal/figures.js";
import { print, printJson } from "../terminal/output.js";
import { UsageError } from "../usage-error.js";

/** Options of {@link inspectShard}. */
export interface InspectShardFlags {
  readonly tokenizer?: string;
  readonly verify?: boolean;
  readonly json?: boolean;
}

/** Tokens that are shown. */
const SHOWN = 64;

/** Shows what a file of tokens says of itself, and how it begins. */
export async function inspectShard(
  path: string,
  { tokenizer, verify = false, json }: InspectShardFlags,
): Promise<void> {
  const { openShard } = await import("@kvfold/train");
  const shard = openShard(path);
  try {
    if (verify) shard.verify();
    const firstTokens = new Int32Array(Math.min(SHOWN, shard.length));
    shard.read(0, firstTokens);
    const firstText = tokenizer === undefined ? undefined : await decoded(firstTokens, shard, tokenizer);
    const { bits, length, documents, vocabSize, beginId, sourceSha256, tokenizerSha256, tokensSha256 } = shard;
    const said = { bits, length, documents, vocabSize, beginId, sourceSha256, tokenizerSha256, tokensSha256 };
    if (json) {
      printJson({ path, ...said, verified: verify, firstTokens: [...firstTokens], firstText: firstText ?? null });
      return;
    }
    const lines: [string, string][] = [
      ["tokens", `${figure(length)} of ${bits} bits in ${figure(documents)} documents`],
      ["vocabulary", `${figure(vocabSize)} ids; ${beginId} opens a document`],
      ["sources", `sha256 ${sourceSha256}`],
      ["tokenizer", `sha256 ${tokenizerSha256}`],
      ["content", `sha256 ${tokensSha256}${verify ? ", as it is" : "; --verify compares"}`],
      firstText === undefined
        ? ["begins", `${firstTokens.join(" ")}; --tokenizer MODEL shows the text`]
        : ["begins", JSON.stringify(firstText)],
    ];
    print(lines.map(([label, value]) => `${label.padEnd(12)}${value}`).join("\n"));
  } finally {
    shard.close();
  }
}

async function decoded(tokens: Int32Array, shard: TokenShard, model: string): Promise<string> {
  const { openTokenizer, tokenizerSha256 } = await import("@kvfold/train");
  const path = await resolvePath(model, true);
  if ((await tokenizerSha256(path)) !== shard.tokenizerSha256)
    throw new UsageError(`${shard.path} was made with another tokenizer than that of ${model}.`);
  return (await openTokenizer(path)).decode(tokens, { skipSpecialTokens: false });
}
