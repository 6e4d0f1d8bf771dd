/** Characters (UTF-16 units) that are tokenized at a time. */
const PIECE = 100_000;

/** Blanks at the edges of a document; a byte-order mark is a character like others. */
const SPACE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const LEADING = new RegExp(`^[${SPACE}]+`);
const IS_SPACE = new RegExp(`[${SPACE}]`);

/**
 * A document's text in pieces of 100,000 characters (one less where a surrogate pair would be cut), so that the tokens do
 * not depend on how the file was read.
 */
export async function* textPieces(
  chunks: AsyncIterable<string> | Iterable<string>,
  normalize: boolean,
): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of normalize ? normalizedBlanks(chunks) : chunks) {
    rest += chunk;
    let at = 0;
    // one character more than a piece must be there, so that the last piece is never empty
    for (let end = pieceEnd(rest, at); end < rest.length; end = pieceEnd(rest, at)) {
      yield rest.slice(at, end);
      at = end;
    }
    rest = rest.slice(at);
  }
  if (rest !== "") yield rest;
}

function pieceEnd(text: string, at: number): number {
  const end = at + PIECE;
  const last = text.charCodeAt(end - 1);
  return last >= 0xd800 && last < 0xdc00 ? end - 1 : end;
}

/** Carriage returns dropped, runs of spaces and tabs made one space, white space at both ends removed. */
async function* normalizedBlanks(chunks: AsyncIterable<string> | Iterable<string>): AsyncGenerator<string> {
  let started = false;
  let held = ""; // white space that may turn out to be the end
  for await (const chunk of chunks) {
    let text = held + chunk.replaceAll("\r", "");
    if (!started) text = text.replace(LEADING, "");
    started ||= text !== "";
    let end = text.length;
    while (end > 0 && IS_SPACE.test(text[end - 1] as string)) end--;
    held = text.slice(end);
    if (end > 0) yield text.slice(0, end).replace(/[ \t]+/g, " ");
  }
}
