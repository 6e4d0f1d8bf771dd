import { KvfoldError } from "@kvfold/core";

/** One file of a repository. */
export interface HubFile {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Hash of the content, for files in large-file storage. */
  readonly sha256: string | undefined;
}

export const INDEX_FILE = "model.safetensors.index.json";
const SMALL_FILES = [
  "config.json",
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "chat_template.jinja",
  INDEX_FILE,
];

/**
 * The files beside the weights that a model folder needs.
 *
 * @throws KvfoldError `hub-model` when the repository has no loadable model; the message lists what it has
 */
export function smallFiles(files: readonly HubFile[], name: string): HubFile[] {
  const paths = new Set(files.map((file) => file.path));
  const gguf = files.filter((file) => /\.gguf$/i.test(file.path)).map((file) => file.path);
  const weights = paths.has("model.safetensors") || paths.has(INDEX_FILE);
  if (paths.has("config.json") && weights) return files.filter((file) => SMALL_FILES.includes(file.path));
  const problem = paths.has("config.json")
    ? "has no model.safetensors (other weight formats are not read)"
    : "has no config.json";
  const found = [...paths].slice(0, 12).join(", ") || "nothing";
  const hint =
    gguf.length > 0
      ? ` It has GGUF files: name one, for example ${name}/${gguf[0]} (${gguf.length} in all).`
      : ` It has: ${found}.`;
  throw new KvfoldError("hub-model", `${name} ${problem}.${hint}`);
}

/**
 * The weight files: `model.safetensors`, or the shards that the index names.
 *
 * @param index the parsed index file; undefined without one
 * @throws KvfoldError `hub-model` for an index that names no shards, or files that are not there
 */
export function weightFiles(files: readonly HubFile[], index: unknown, name: string): HubFile[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const single = byPath.get("model.safetensors");
  if (index === undefined) return single === undefined ? [] : [single];
  const map = typeof index === "object" && index !== null ? (index as { weight_map?: unknown }).weight_map : undefined;
  const shards = typeof map === "object" && map !== null ? [...new Set(Object.values(map))] : [];
  if (shards.length === 0 || shards.length > 10_000)
    throw new KvfoldError("hub-model", `${name}: ${INDEX_FILE} names ${shards.length} shards; it is damaged.`);
  return shards.map((shard) => {
    const file = typeof shard === "string" ? byPath.get(shard) : undefined;
    if (file === undefined)
      throw new KvfoldError(
        "hub-model",
        `${name}: ${INDEX_FILE} names ${String(shard).slice(0, 100)}, which the repository lacks.`,
      );
    return file;
  });
}
