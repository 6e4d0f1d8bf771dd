import { createHash } from "node:crypto";
import { fileChunks } from "./source-documents.js";

/** SHA-256, hex, of the files' bytes one after another. @throws KvfoldError `file-unreadable` */
export async function filesSha256(files: readonly string[]): Promise<string> {
  const hash = createHash("sha256");
  for (const file of files) for await (const bytes of fileChunks(file)) hash.update(bytes);
  return hash.digest("hex");
}
