import { KvfoldError } from "../errors/kvfold-error.js";
import { quoted } from "../errors/quoted.js";
import type { ByteSource } from "./byte-source.js";
import { fileSystem, openFileSource, unreadable } from "./file-source.js";
import { MAX_HEADER_BYTES, type SafetensorsEntry } from "./parse-header.js";
import { openSafetensors, type SafetensorsFile } from "./safetensors-file.js";
import { missingTensor } from "./tensor-checks.js";

const INDEX = "model.safetensors.index.json";
const SINGLE = "model.safetensors";
/** More shards than any model has; each one holds a file open. */
const MAX_SHARDS = 1000;

/**
 * Opens a folder's weights: `model.safetensors`, or the shards that `model.safetensors.index.json` lists.
 *
 * @param open how each file is opened; default {@link openFileSource}
 * @throws KvfoldError `file-unreadable` when neither exists; `safetensors-malformed` when a shard or the index is wrong:
 * a shard's name leaves the folder, a tensor is not in the shard that the index names
 */
export function openSharded(folder: string, open: (path: string) => ByteSource = openFileSource): SafetensorsFile {
  const fs = fileSystem();
  const indexPath = `${folder}/${INDEX}`;
  if (!fs.existsSync(indexPath)) {
    if (fs.existsSync(`${folder}/${SINGLE}`)) return openSafetensors(open(`${folder}/${SINGLE}`));
    throw new KvfoldError("file-unreadable", `${folder} has neither ${SINGLE} nor ${INDEX}${listFolder(fs, folder)}.`);
  }
  const weightMap = readWeightMap(indexPath);
  const shards = new Map<string, SafetensorsFile>();
  try {
    for (const shard of new Set(weightMap.values())) shards.set(shard, openSafetensors(open(`${folder}/${shard}`)));
    return joinShards(folder, weightMap, shards);
  } catch (error) {
    for (const shard of shards.values()) shard.close();
    throw error;
  }
}

function joinShards(
  folder: string,
  weightMap: Map<string, string>,
  shards: Map<string, SafetensorsFile>,
): SafetensorsFile {
  const tensors = new Map<string, SafetensorsEntry>();
  const owners = new Map<string, SafetensorsFile>();
  for (const [name, shardName] of weightMap) {
    const shard = shards.get(shardName) as SafetensorsFile;
    const entry = shard.tensors.get(name);
    if (entry === undefined) {
      throw indexError(`${folder}/${INDEX}`, `tensor ${quoted(name)} is not in ${shardName}, where it should be`);
    }
    tensors.set(name, entry);
    owners.set(name, shard);
  }
  const ownerOf = (name: string): SafetensorsFile => {
    const owner = owners.get(name);
    if (owner === undefined) throw missingTensor(folder, name, tensors.keys());
    return owner;
  };
  const close = () => {
    for (const shard of shards.values()) shard.close();
  };
  return {
    path: folder,
    tensors,
    metadata: Object.assign({}, ...[...shards.values()].map((shard) => shard.metadata)),
    entry: (name) => ownerOf(name).entry(name),
    readBytes: (name) => ownerOf(name).readBytes(name),
    viewBytes: (name) => ownerOf(name).viewBytes(name),
    read: (name) => ownerOf(name).read(name),
    readFloat32: (name, into) => ownerOf(name).readFloat32(name, into),
    readRowsFloat32: (name, start, count, into) => ownerOf(name).readRowsFloat32(name, start, count, into),
    close,
    [Symbol.dispose]: close,
  };
}

/** Tensor name to shard file name. */
function readWeightMap(path: string): Map<string, string> {
  const fs = fileSystem();
  let index: unknown;
  try {
    const { size } = fs.statSync(path);
    if (size > MAX_HEADER_BYTES)
      throw indexError(path, `it has ${size} bytes; at most ${MAX_HEADER_BYTES} are accepted`);
    index = JSON.parse(fs.readFileSync(path, "utf8"));
  } catch (cause) {
    if (KvfoldError.isInstance(cause)) throw cause;
    if (cause instanceof SyntaxError) throw indexError(path, `it is not JSON (${cause.message})`);
    throw unreadable(path, cause);
  }
  const map = (index as { weight_map?: unknown } | null)?.weight_map;
  if (typeof map !== "object" || map === null || Array.isArray(map)) throw indexError(path, "it has no weight_map");
  const weightMap = new Map<string, string>();
  for (const [name, shard] of Object.entries(map)) {
    // A plain file name only: an index must not be able to reach files outside its folder.
    if (typeof shard !== "string" || !/^[\w][\w.-]*\.safetensors$/.test(shard)) {
      throw indexError(
        path,
        `the shard of tensor ${quoted(name)} is ${quoted(shard)}, not the name of a .safetensors file`,
      );
    }
    weightMap.set(name, shard);
  }
  const count = new Set(weightMap.values()).size;
  if (count > MAX_SHARDS) throw indexError(path, `it names ${count} shards; at most ${MAX_SHARDS} are accepted`);
  return weightMap;
}

function listFolder(fs: ReturnType<typeof fileSystem>, folder: string): string {
  try {
    const names = fs.readdirSync(folder);
    return names.length === 0
      ? " (it is empty)"
      : `; it has ${names.slice(0, 8).join(", ")}${names.length > 8 ? ", ..." : ""}`;
  } catch {
    return " (there is no such folder)";
  }
}

function indexError(path: string, what: string): KvfoldError {
  return new KvfoldError("safetensors-malformed", `${path} is not a valid index of shards: ${what}.`);
}
