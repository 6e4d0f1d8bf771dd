import { readFile, stat } from "node:fs/promises";
import { KvfoldError } from "@kvfold/core";

/** How to read a JSON file that came from somewhere else. */
export interface ReadJsonOptions {
  /** Refuse larger files (bytes) before reading them, so that a damaged or hostile file cannot fill the memory. */
  readonly maxBytes: number;
  /** Error code of every failure. */
  readonly code: string;
  /** Name in messages, for example `config.json`. */
  readonly where: string;
}

/**
 * Reads and parses a JSON file.
 *
 * @returns undefined when there is no such file
 * @throws KvfoldError when it is too large, unreadable or not JSON
 */
export async function readJsonFile(path: string, options: ReadJsonOptions): Promise<unknown> {
  const text = await readTextFile(path, options);
  return text === undefined ? undefined : parseJson(text, options);
}

/** As {@link readJsonFile}, without parsing. */
export async function readTextFile(path: string, options: ReadJsonOptions): Promise<string | undefined> {
  const { maxBytes, code, where } = options;
  try {
    const info = await stat(path);
    if (!info.isFile()) throw new KvfoldError(code, `${where} is not a file.`);
    if (info.size > maxBytes)
      throw new KvfoldError(code, `${where} is ${info.size} bytes long; more than ${maxBytes} is refused as damaged.`);
    return await readFile(path, "utf8");
  } catch (error) {
    if (KvfoldError.isInstance(error)) throw error;
    const { code: reason } = error as NodeJS.ErrnoException;
    if (reason === "ENOENT" || reason === "ENOTDIR") return undefined;
    throw new KvfoldError(code, `${where} could not be read (${reason ?? String(error)}).`, { cause: error });
  }
}

/** Parses JSON text; the error says where it breaks off. */
function parseJson(text: string, options: Pick<ReadJsonOptions, "code" | "where">): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message.slice(0, 160) : "unknown reason";
    throw new KvfoldError(options.code, `${options.where} is not valid JSON: ${reason}.`, { cause: error });
  }
}
