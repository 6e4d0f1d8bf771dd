import { Environment, Interpreter, Template } from "@huggingface/jinja";
import { KvfoldError } from "@kvfold/core";

/** One message of a conversation. Templates of some models read further keys (`tool_calls`, `reasoning_content`, ...). */
export interface ChatMessage {
  /** `system`, `user`, `assistant`, `tool`: what the model's template knows. */
  readonly role: string;
  /** Null where the message is only a tool call. */
  readonly content: string | null;
  readonly [key: string]: unknown;
}

/** Options of {@link renderChat}. */
export interface RenderChatOptions {
  /** End with the opening of an assistant turn, for the model to answer; default true. */
  readonly addGenerationPrompt?: boolean;
  /** Text of the begin-of-text token; default empty. */
  readonly bosToken?: string;
  /** Text of the end-of-text token; default empty. */
  readonly eosToken?: string;
  /** Functions that the model may call, as JSON schemas in the OpenAI form. */
  readonly tools?: readonly Readonly<Record<string, unknown>>[];
  /** Further variables of the template, for example `{ enable_thinking: false }` (Qwen 3). */
  readonly variables?: Readonly<Record<string, unknown>>;
  /** The clock of `strftime_now`; default: now. */
  readonly now?: Date;
}

const MAX_TEMPLATE_LENGTH = 1 << 20;
/** Longest list that a template's `range` may make; templates count messages. */
const MAX_RANGE = 100_000;

/**
 * Renders a conversation with a model's chat template (Jinja, as transformers does: `raise_exception`, `strftime_now` and
 * `tojson` exist, blocks are trimmed).
 *
 * @param template the Jinja source; see `Tokenizer.chatTemplates`
 * @throws KvfoldError `chat-template` when the template is broken or refuses the messages, `chat-messages` when they are
 * malformed
 */
export function renderChat(
  template: string,
  messages: readonly ChatMessage[],
  options: RenderChatOptions = {},
): string {
  checkMessages(messages);
  if (template.length > MAX_TEMPLATE_LENGTH)
    throw new KvfoldError(
      "chat-template",
      `The chat template is ${template.length} characters long; refused as damaged.`,
    );
  const { addGenerationPrompt = true, bosToken = "", eosToken = "", tools, variables, now } = options;
  const program = attempt("could not be parsed", () => new Template(template).parsed);
  const environment = new Environment();
  const names = {
    ...variables,
    ...globals(now),
    messages,
    add_generation_prompt: addGenerationPrompt,
    bos_token: bosToken,
    eos_token: eosToken,
    tools: tools && tools.length > 0 ? tools : null,
  };
  return attempt("refused the conversation", () => {
    for (const [name, value] of Object.entries(names)) environment.set(name, value);
    return String(new Interpreter(environment).run(program).value);
  });
}

/** What every template may use; the engine's own set has an unbounded `range` and month names in the system's language. */
function globals(now: Date | undefined): Record<string, unknown> {
  return {
    true: true,
    True: true,
    false: false,
    False: false,
    none: null,
    None: null,
    raise_exception: (message: unknown) => {
      throw new Error(String(message));
    },
    strftime_now: (format: string) => strftime(now ?? new Date(), format),
    range: boundedRange,
  };
}

function attempt<T>(what: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    const reason = error instanceof Error ? error.message.slice(0, 300) : String(error);
    throw new KvfoldError("chat-template", `The model's chat template ${what}: ${reason}`, { cause: error });
  }
}

function checkMessages(messages: readonly ChatMessage[]): void {
  const refuse = (problem: string) => {
    throw new KvfoldError("chat-messages", `Messages are a list of {role, content}: ${problem}.`);
  };
  if (!Array.isArray(messages)) refuse(`got ${typeof messages}`);
  if (messages.length === 0) refuse("the list is empty; give at least one message");
  messages.forEach((message: unknown, index) => {
    const { role, content } = (typeof message === "object" && message !== null ? message : {}) as Partial<ChatMessage>;
    if (typeof role !== "string" || role === "") refuse(`message ${index} has no role`);
    // A missing content would be printed as "undefined" by templates that do not expect it.
    if (content === undefined) refuse(`message ${index} (${role}) has no content (null is allowed)`);
  });
}

function boundedRange(start: number, stop?: number, step = 1): number[] {
  const [from, to] = stop === undefined ? [0, start] : [start, stop];
  const length = Math.max(0, Math.ceil((to - from) / step));
  if (!(length <= MAX_RANGE)) throw new Error(`range() of ${length} numbers; at most ${MAX_RANGE} are made`);
  return Array.from({ length }, (_, index) => from + index * step);
}

const MONTHS = "January February March April May June July August September October November December".split(" ");
const DAYS = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split(" ");

/** Python's strftime in local time with English names, for the directives that templates use. */
function strftime(date: Date, format: string): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const month = MONTHS[date.getMonth()] ?? "";
  const day = DAYS[date.getDay()] ?? "";
  const directives: Readonly<Record<string, string>> = {
    Y: String(date.getFullYear()),
    y: two(date.getFullYear() % 100),
    m: two(date.getMonth() + 1),
    B: month,
    b: month.slice(0, 3),
    d: two(date.getDate()),
    A: day,
    a: day.slice(0, 3),
    H: two(date.getHours()),
    I: two(date.getHours() % 12 || 12),
    p: date.getHours() < 12 ? "AM" : "PM",
    M: two(date.getMinutes()),
    S: two(date.getSeconds()),
    "%": "%",
  };
  return format.replace(/%([A-Za-z%])/g, (whole, directive: string) => directives[directive] ?? whole);
}
