import { createReadStream } from "node:fs";
import { extname } from "node:path";
import { KvfoldError, unreadable } from "@kvfold/core";

type Chunks = AsyncIterable<string> | Iterable<string>;

/**
 * Documents of a source file, each as chunks of text: a `.jsonl` has one a line, a `.parquet` one a row, any other file is
 * one document of UTF-8 text (broken bytes become U+FFFD).
 *
 * @param field name of the field or column that holds the text
 * @throws KvfoldError `file-unreadable`, `jsonl-malformed`, `parquet-malformed`
 */
export async function* sourceDocuments(path: string, field: string): AsyncGenerator<Chunks> {
  const ending = extname(path).toLowerCase();
  if (ending === ".jsonl") yield* jsonlDocuments(path, field);
  else if (ending === ".parquet") yield* parquetDocuments(path, field);
  else yield textChunks(path);
}

async function* textChunks(path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  for await (const bytes of fileChunks(path)) yield decoder.decode(bytes, { stream: true });
  yield decoder.decode();
}

/** The bytes of a file, in chunks. @throws KvfoldError `file-unreadable` */
export async function* fileChunks(path: string): AsyncGenerator<Uint8Array> {
  try {
    for await (const bytes of createReadStream(path, { highWaterMark: 1 << 20 })) yield bytes;
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

async function* jsonlDocuments(path: string, field: string): AsyncGenerator<Chunks> {
  let number = 0;
  for await (const line of lines(textChunks(path))) {
    number++;
    if (line.trim() === "") continue;
    let text: unknown;
    try {
      text = JSON.parse(line)?.[field];
    } catch (cause) {
      const reason = (cause as Error).message;
      throw new KvfoldError("jsonl-malformed", `${path}, line ${number}: not JSON (${reason}).`, { cause });
    }
    if (typeof text !== "string") {
      throw new KvfoldError("jsonl-malformed", `${path}, line ${number}: field "${field}" must be a string.`);
    }
    yield [text];
  }
}

async function* lines(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of chunks) {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop() as string;
    yield* parts;
  }
  yield rest;
}

async function* parquetDocuments(path: string, column: string): AsyncGenerator<Chunks> {
  const { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } = await import("hyparquet");
  let rowStart = 0;
  try {
    const file = await asyncBufferFromFile(path);
    const metadata = await parquetMetadataAsync(file);
    for (const group of metadata.row_groups) {
      const rowEnd = rowStart + Number(group.num_rows);
      const rows = await parquetReadObjects({ file, metadata, columns: [column], rowStart, rowEnd });
      for (const row of rows) {
        const text = row[column];
        if (typeof text === "string") yield [text];
        else if (text != null) throw new Error(`column "${column}" does not hold strings`);
      }
      rowStart = rowEnd;
    }
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") throw unreadable(path, cause);
    throw new KvfoldError("parquet-malformed", `Cannot read ${path}: ${(cause as Error).message}.`, { cause });
  }
}
