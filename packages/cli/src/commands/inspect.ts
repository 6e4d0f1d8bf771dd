import { Command } from "commander";
import { resolvePath } from "../model/resolve.js";
import { commonOptions, jsonOption } from "../options.js";
import { bytes, figure } from "../terminal/figures.js";
import { print, printJson, printTable } from "../terminal/output.js";

/** `kvfold inspect MODEL`: what a model is, without loading it. */
export function inspectCommand(): Command {
  return commonOptions(new Command("inspect"))
    .summary("architecture, tensors and tokenizer")
    .description("Shows what a model is, from its config and the headers of its files: nothing is loaded.")
    .argument("<MODEL>", "folder, .gguf file, hub id, or demo")
    .addOption(jsonOption())
    .action(run);
}

async function run(name: string, { json }: { readonly json?: boolean }): Promise<void> {
  const { openModelFiles } = await import("@kvfold/models");
  const files = await openModelFiles(await resolvePath(name));
  try {
    const { config, source, kind, path } = files;
    const tensors = source.names().map((tensor) => ({ name: tensor, ...source.info(tensor) }));
    const tokenizer = await describeTokenizer(files);
    const parameters = tensors.reduce((sum, { shape }) => sum + shape.reduce((product, n) => product * n, 1), 0);
    const fileBytes = tensors.reduce((sum, { byteLength }) => sum + byteLength, 0);
    if (json) {
      printJson({ model: name, path, kind, parameters, weightBytes: fileBytes, config, tokenizer, tensors });
      return;
    }
    const lines: [string, string][] = [
      ["path", `${path} (${kind === "gguf" ? "GGUF file" : "Hugging Face folder"})`],
      ["architecture", config.architecture],
      ["parameters", `${figure(parameters)} in ${tensors.length} tensors, ${bytes(fileBytes)}`],
      [
        "layers",
        `${config.layers} x (${config.queryHeads} query heads, ${config.kvHeads} KV heads of ${config.headDim}; hidden ${config.hiddenSize}, MLP ${config.intermediateSize})`,
      ],
      [
        "context",
        `${figure(config.maxPositions)} tokens, RoPE theta ${config.rope.theta}, scaling ${config.rope.scaling.type}`,
      ],
      [
        "vocabulary",
        `${figure(config.vocabSize)}, BOS ${config.bosId ?? "none"}, EOS ${config.eosIds.join(", ") || "none"}`,
      ],
      [
        "tokenizer",
        tokenizer.problem ??
          `${tokenizer.kind}, ${figure(tokenizer.vocabSize)} ids; chat templates: ${tokenizer.chatTemplates.join(", ") || "none"}`,
      ],
      ["retrofit", config.retrofit === undefined ? "none" : JSON.stringify(config.retrofit)],
    ];
    print(lines.map(([label, value]) => `${label.padEnd(13)}${value}`).join("\n"));
    print("");
    printTable(
      [{ head: "tensor" }, { head: "type", align: "left" }, { head: "shape" }, { head: "bytes" }],
      tensors.map((tensor) => [tensor.name, tensor.storage, tensor.shape.join(" x "), figure(tensor.byteLength)]),
    );
  } finally {
    files.source.close();
  }
}

interface TokenizerDescription {
  readonly kind: "byte-level BPE" | "SentencePiece" | "none";
  readonly vocabSize: number;
  readonly chatTemplates: readonly string[];
  /** Why there is none. */
  readonly problem?: string;
}

/** A model without a usable tokenizer can still be inspected. */
async function describeTokenizer(files: {
  tokenizer(): Promise<import("@kvfold/models").Tokenizer>;
}): Promise<TokenizerDescription> {
  try {
    const tokenizer = await files.tokenizer();
    return {
      kind: tokenizer.stripsLeadingSpace ? "SentencePiece" : "byte-level BPE",
      vocabSize: tokenizer.vocabSize,
      chatTemplates: [...tokenizer.chatTemplates.keys()],
    };
  } catch (error) {
    return { kind: "none", vocabSize: 0, chatTemplates: [], problem: (error as Error).message };
  }
}
