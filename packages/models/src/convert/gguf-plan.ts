import type { GgufOutput } from "../gguf/write-gguf.js";

/** A GGUF file to write, read from a source that stays open until `close`. */
export interface GgufPlan extends GgufOutput {
  close(): void;
}
