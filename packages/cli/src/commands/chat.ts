import { createInterface } from "node:readline";
import { setImmediate } from "node:timers/promises";
import type { ChatSession as Session } from "@kvfold/models";
import { Command } from "commander";
import { openModel } from "../model/open-model.js";
import { defaultSpec } from "../model/policies.js";
import {
  cacheOption,
  commonOptions,
  type EngineOptions,
  engineOptions,
  policyOption,
  positiveNumber,
  wholeNumber,
} from "../options.js";
import { bytes, figure } from "../terminal/figures.js";
import { Interrupted, onInterrupt } from "../terminal/interruptible.js";
import { note } from "../terminal/output.js";

interface Options extends EngineOptions {
  readonly policy?: string;
  readonly maxTokens: number;
  readonly temperature: number;
  readonly seed?: number;
  readonly cache: string;
}

/** `kvfold chat MODEL`: a conversation, one line a message. */
export function chatCommand(): Command {
  return engineOptions(commonOptions(new Command("chat")))
    .summary("talk to an instruction-tuned model")
    .description(
      "Talks to a model that has a chat template: one line a message, answers on stdout. Ctrl-C stops an answer, and leaves\n" +
        "when there is none; Ctrl-D or /exit leaves too, /stats shows the cache.",
    )
    .argument("<MODEL>", "folder, .gguf file, or hub id")
    .addOption(policyOption())
    .option("--max-tokens <n>", "most tokens of an answer", wholeNumber(1), 512)
    .option("--temperature <t>", "randomness; 0 takes the most likely token", positiveNumber, 0)
    .option("--seed <s>", "seed of the draws", wholeNumber(0))
    .addOption(cacheOption())
    .action(run);
}

async function run(name: string, options: Options): Promise<void> {
  const { model, policies } = await openModel(name, (config) => [options.policy ?? defaultSpec(config)], options);
  const { ChatSession, encodeChat } = await import("@kvfold/models");
  encodeChat(model.tokenizer, [{ role: "user", content: "" }]); // a base model is refused before the first message
  const session = new ChatSession(model, (policies[0] as (typeof policies)[number]).policy, { codec: options.cache });
  const lines = createInterface({
    input: process.stdin,
    output: process.stderr,
    prompt: "> ",
    terminal: process.stdin.isTTY === true,
  });
  let answering: AbortController | undefined;
  let interrupted = false;
  const stop = () => {
    if (answering && !answering.signal.aborted) {
      answering.abort();
      interrupted ||= process.stdin.isTTY !== true; // nobody is there to go on
    } else {
      interrupted = true;
      lines.close();
    }
  };
  lines.on("SIGINT", stop); // a terminal in raw mode sends it here
  const seed = options.seed === undefined ? {} : { seed: options.seed };
  const { temperature, maxTokens } = options;
  const answer = async (message: string) => {
    answering = new AbortController();
    for await (const text of session.reply(message, { maxTokens, temperature, signal: answering.signal, ...seed })) {
      process.stdout.write(text);
      await setImmediate(); // lets Ctrl-C through
    }
    process.stdout.write("\n");
    answering = undefined;
  };
  const converse = async () => {
    let closed = false;
    lines.once("close", () => {
      closed = true;
    });
    const ask = () => {
      if (process.stdin.isTTY && !closed) lines.prompt(); // on a closed interface it would wake standard input up again
    };
    ask();
    for await (const line of lines) {
      const message = line.trim();
      if (message === "/exit" || interrupted) break;
      if (message === "/stats") note(cacheFigures(session));
      else if (message !== "") await answer(message);
      if (interrupted) break;
      ask();
    }
  };
  try {
    await onInterrupt(stop, converse);
  } finally {
    lines.close();
    session.dispose();
  }
  if (interrupted) throw new Interrupted();
}

function cacheFigures({ cache }: Session): string {
  const { tokens, entries, compressionRatio, liveBytes } = cache.stats();
  return `${figure(tokens)} tokens, ${figure(entries)} entries, CR ${figure(compressionRatio, 2)}, ${bytes(liveBytes)}`;
}
