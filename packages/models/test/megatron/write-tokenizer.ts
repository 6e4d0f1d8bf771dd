import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Test helper: writes a byte-level BPE tokenizer of `size` ids into a folder: `<unk>`, `<s>`, `</s>`, then letters. */
export function writeTokenizer(folder: string, size = 29): string {
  const tokens = ["<unk>", "<s>", "</s>", ...Array.from({ length: size - 3 }, (_, i) => String.fromCharCode(65 + i))];
  const special = tokens.slice(0, 3).map((content, id) => ({ id, content, special: true }));
  const tokenizer = {
    added_tokens: special,
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, use_regex: true },
    decoder: { type: "ByteLevel" },
    model: { type: "BPE", vocab: Object.fromEntries(tokens.map((token, id) => [token, id])), merges: [] },
  };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "tokenizer.json"), JSON.stringify(tokenizer));
  writeFileSync(
    join(folder, "tokenizer_config.json"),
    JSON.stringify({ bos_token: "<s>", eos_token: { content: "</s>" } }),
  );
  return folder;
}
