import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { KvfoldError, openFileSource, quoted } from "@kvfold/core";

/** The file of one tensor-parallel rank, and the one that says which iteration is the latest. */
const SHARD = "model_optim_rng.pt";
const TRACKER = "latest_checkpointed_iteration.txt";
const RANK = /^mp_rank_(\d{2,4})$/;
const ITERATION = /^(iter_\d{7}|release)$/;
/** What Megatron's distributed formats (torch_dist, zarr) leave in a folder. */
const DISTRIBUTED = /^(\.metadata|metadata\.json|common\.pt|.*\.distcp)$/;

/**
 * Whether a path looks like a Megatron checkpoint: a file of `torch.save`, or a folder with what Megatron writes. Whether it
 * can be converted is another question.
 */
export function isMegatronCheckpoint(path: string): boolean {
  if (!existsSync(path)) return false;
  if (!statSync(path).isDirectory()) return /\.pth?$/i.test(path) || hasZipMagic(path);
  const names = readdirSync(path);
  if (names.includes("config.json")) return false;
  const marks = (name: string) =>
    name === SHARD || name === TRACKER || ITERATION.test(name) || /^mp_rank_\d/.test(name) || DISTRIBUTED.test(name);
  return names.some(marks);
}

/**
 * Paths of a checkpoint's shards in the order of their ranks.
 *
 * @param path the folder that training wrote to (the latest iteration is taken), the folder of one iteration, that of one
 * rank, or a file
 * @throws KvfoldError `megatron-shards-missing` when a rank or file is not there; `megatron-unsupported` for pipeline- or
 * expert-parallel and distributed checkpoints
 */
export function findShards(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  const names = readdirSync(path);
  if (names.includes(SHARD)) return [join(path, SHARD)];
  if (names.some((name) => name.startsWith("mp_rank_"))) return ranks(path, names);
  if (names.some((name) => DISTRIBUTED.test(name))) {
    throw new KvfoldError(
      "megatron-unsupported",
      `${path} is a distributed checkpoint (${names
        .filter((name) => DISTRIBUTED.test(name))
        .slice(0, 3)
        .join(", ")}), which is ` +
        "not supported. Save it in the format 'torch' (--ckpt-format torch, or Megatron's tools/checkpoint/convert.py) and convert that.",
    );
  }
  return findShards(join(path, iterationFolder(path, names)));
}

function ranks(path: string, names: readonly string[]): string[] {
  const parallel = names.filter((name) => name.startsWith("mp_rank_"));
  const odd = parallel.find((name) => !RANK.test(name));
  if (odd !== undefined) {
    throw new KvfoldError(
      "megatron-unsupported",
      `${path} holds ${quoted(odd)}: pipeline- or expert-parallel checkpoints are not supported, and DMC is not trained ` +
        "with them. Convert it with Megatron's tools/checkpoint/convert.py to pipeline-parallel size 1 first.",
    );
  }
  const sorted = parallel.map((name) => ({ name, rank: Number(RANK.exec(name)?.[1]) })).sort((a, b) => a.rank - b.rank);
  return sorted.map(({ name, rank }, index) => {
    const file = join(path, name, SHARD);
    if (rank === index && existsSync(file)) return file;
    const missing = rank === index ? join(name, SHARD) : `mp_rank_${String(index).padStart(2, "0")}`;
    throw new KvfoldError(
      "megatron-shards-missing",
      `${path} has no ${missing}; all shards of a checkpoint are needed.`,
    );
  });
}

/** The iteration that the tracker file names, or the only one. */
function iterationFolder(path: string, names: readonly string[]): string {
  const there = names.filter((name) => ITERATION.test(name) && statSync(join(path, name)).isDirectory());
  const found = `found: ${there.slice(0, 5).join(", ") || "none"}`;
  if (names.includes(TRACKER)) {
    const text = statSync(join(path, TRACKER)).size > 100 ? "" : readFileSync(join(path, TRACKER), "utf8").trim();
    const name = /^\d{1,7}$/.test(text) ? `iter_${text.padStart(7, "0")}` : text;
    if (there.includes(name)) return name;
    throw new KvfoldError(
      "megatron-shards-missing",
      `${join(path, TRACKER)} says ${quoted(text)}, but there is no folder for it (${found}); name the iteration's folder.`,
    );
  }
  const [only] = there;
  if (only !== undefined && there.length === 1) return only;
  throw new KvfoldError(
    "megatron-shards-missing",
    `${path} does not say which iteration to take (${found}; no ${TRACKER}); name the iteration's folder.`,
  );
}

function hasZipMagic(path: string): boolean {
  const source = openFileSource(path);
  try {
    const magic = new Uint8Array(Math.min(4, source.size));
    source.readInto(0, magic);
    return String.fromCharCode(...magic) === "PK\x03\x04";
  } finally {
    source.close();
  }
}
