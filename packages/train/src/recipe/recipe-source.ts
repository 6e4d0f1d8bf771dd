import { KvfoldError } from "@kvfold/core";
import { type Document, isMap, isScalar, LineCounter, type Pair, parse, parseDocument } from "yaml";
import type { Problem } from "./recipe-problem.js";

/** A value that the command line puts in place of the file's. */
export interface RecipeOverride {
  /** `batch.rows` */
  readonly key: string;
  /** As it would stand in the file; empty: the key is removed. */
  readonly value: string;
}

/** Reads `key.path=value`. */
export function parseOverride(text: string): RecipeOverride {
  const [, key, value] = /^([A-Za-z]\w*(?:\.\w+)*)\s*=(.*)$/s.exec(text.trim()) ?? [];
  if (key === undefined || value === undefined)
    throw new KvfoldError(
      "recipe-override",
      `"${text.slice(0, 80)}" does not say what to set; write key.path=value, for example batch.rows=16.`,
    );
  return { key, value: value.trim() };
}

/** A recipe's YAML, with the lines that its keys stand in. */
export class RecipeSource {
  private readonly document: Document;
  private readonly lines = new LineCounter();
  private readonly name: string;
  private readonly overrides: readonly RecipeOverride[];

  /** @param name of the file, for messages */
  constructor(text: string, name: string, overrides: readonly RecipeOverride[]) {
    this.name = name;
    this.overrides = overrides;
    this.document = parseDocument(text, { lineCounter: this.lines, prettyErrors: false });
    const broken = this.document.errors[0];
    if (broken !== undefined) {
      const { line } = this.lines.linePos(broken.pos[0]);
      throw new KvfoldError("recipe-malformed", `${name}:${line}: not valid YAML: ${broken.message.split("\n")[0]}.`);
    }
    for (const override of overrides) this.apply(override);
  }

  /** The file as plain data, overrides applied. */
  value(): unknown {
    try {
      return this.document.toJS({ maxAliasCount: 100 }) ?? {};
    } catch (cause) {
      throw new KvfoldError("recipe-malformed", `${this.name}: ${(cause as Error).message}.`, { cause });
    }
  }

  /** True for a key whose value comes from the command line. */
  isOverridden(key: string): boolean {
    return this.overrides.some((override) => override.key === key || key.startsWith(`${override.key}.`));
  }

  /** Throws all problems in one error, each with its line. */
  fail(problems: readonly Problem[]): never {
    const lines = problems.map(({ path, message }) => {
      const key = path.join(".");
      return `${this.where(path, key)}: ${key === "" ? "a recipe" : key} ${message}.`;
    });
    const [only] = lines;
    const message =
      lines.length === 1 && only !== undefined
        ? only
        : `${this.name} has ${lines.length} problems:\n${lines.map((line) => `  ${line}`).join("\n")}`;
    throw new KvfoldError("recipe-malformed", message);
  }

  private where(path: readonly PropertyKey[], key: string): string {
    if (this.isOverridden(key)) return `--set ${key}`;
    const offset = this.offsetOf(path);
    return offset === undefined ? this.name : `${this.name}:${this.lines.linePos(offset).line}`;
  }

  /** Where the key starts; for one that is not there, where its section does. */
  private offsetOf(path: readonly PropertyKey[]): number | undefined {
    let node: unknown = this.document.contents;
    let offset: number | undefined;
    for (const part of path) {
      if (!isMap(node)) break;
      const pair = node.items.find(({ key }: Pair) => isScalar(key) && String(key.value) === String(part));
      if (pair === undefined) break;
      offset = isScalar(pair.key) ? (pair.key.range?.[0] ?? offset) : offset;
      node = pair.value;
    }
    return offset;
  }

  private apply({ key, value }: RecipeOverride): void {
    const path = key.split(".");
    try {
      if (value === "") this.document.deleteIn(path);
      else this.document.setIn(path, this.document.createNode(parse(value)));
      // one budget takes the place of the other
      if (key === "tokens") this.document.delete("steps");
      if (key === "steps") this.document.delete("tokens");
    } catch (cause) {
      throw new KvfoldError(
        "recipe-override",
        `--set ${key}=${value.slice(0, 40)}: ${(cause as Error).message.split("\n")[0]}.`,
        { cause },
      );
    }
  }
}
