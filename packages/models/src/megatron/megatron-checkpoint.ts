import { KvfoldError, quoted } from "@kvfold/core";
import { type MegatronArgs, parseMegatronArgs } from "./megatron-args.js";
import { describePickle, PickleDict, PickleObject, type PickleValue } from "./pickle-values.js";
import { type LocatedTensor, openTorchFile, type TorchFile } from "./torch-file.js";
import { TorchTensor } from "./torch-tensor.js";

/** One tensor-parallel rank. */
export interface MegatronShard {
  readonly file: TorchFile;
  /** By Megatron's names. */
  readonly tensors: ReadonlyMap<string, LocatedTensor>;
}

/** All ranks of a checkpoint, opened. */
export interface MegatronCheckpoint {
  readonly args: MegatronArgs;
  /** Iteration at which it was saved; undefined when not stated. */
  readonly iteration: number | undefined;
  readonly shards: readonly MegatronShard[];
  close(): void;
}

/**
 * Opens the shards of a checkpoint, in the order of their ranks.
 *
 * @throws KvfoldError when one is damaged, is no checkpoint of Megatron-core, or does not belong to the others
 */
export function openMegatronCheckpoint(paths: readonly string[]): MegatronCheckpoint {
  const files: TorchFile[] = [];
  const close = () => {
    for (const file of files) file.close();
  };
  try {
    const opened = paths.map((path) => {
      const file = openTorchFile(path);
      files.push(file);
      return readShard(file);
    });
    const [first] = opened;
    if (first === undefined) throw new KvfoldError("megatron-shards-missing", "A checkpoint has at least one shard.");
    const { args, iteration } = first;
    if (args.tensorParallel !== paths.length) {
      throw new KvfoldError(
        "megatron-shards-missing",
        `${first.file.path} is one of ${args.tensorParallel} tensor-parallel shards, but ${paths.length} were found; name the ` +
          "folder that holds mp_rank_00, mp_rank_01 and so on.",
      );
    }
    for (const other of opened) refuseStranger(first, other);
    return { args, iteration, shards: opened, close };
  } catch (error) {
    close();
    throw error;
  }
}

interface ReadShard extends MegatronShard {
  readonly args: MegatronArgs;
  readonly iteration: number | undefined;
}

function readShard(file: TorchFile): ReadShard {
  const { path, root } = file;
  const fail = (what: string, code = "megatron-malformed"): never => {
    throw new KvfoldError(code, `${path} ${what}.`);
  };
  if (!(root instanceof PickleDict)) return fail(`holds ${describePickle(root)}, which is no checkpoint of Megatron`);
  const args = root.get("args");
  const model = root.get("model");
  if (root.get("model0") !== undefined)
    fail("holds several pipeline stages, which are not supported", "megatron-unsupported");
  if (!(model instanceof PickleDict)) return fail(`has no model (found: ${keysOf(root)})`);
  if (model.get("language_model") !== undefined) {
    fail(
      "holds a legacy model; convert it to Megatron-core with tools/checkpoint/convert.py first",
      "megatron-unsupported",
    );
  }
  if (!isNamespace(args)) return fail(`has no args, which say what the model is (found: ${keysOf(root)})`);
  const version = root.get("checkpoint_version");
  if (version !== undefined && version !== 3) {
    fail(`has checkpoint version ${describePickle(version)}; supported is 3`, "megatron-unsupported");
  }
  const iteration = root.get("iteration");
  return {
    file,
    args: parseMegatronArgs(Object.fromEntries(args.state.entries), `${path}: args`),
    iteration: typeof iteration === "number" ? iteration : undefined,
    tensors: locateAll(file, model),
  };
}

/** All tensors of the state dict. `_extra_state` is what the Transformer Engine notes for FP8, which no weight depends on. */
function locateAll(file: TorchFile, model: PickleDict): Map<string, LocatedTensor> {
  const tensors = new Map<string, LocatedTensor>();
  for (const [name, value] of model.entries) {
    if (typeof name === "string" && name.endsWith("._extra_state")) continue;
    if (typeof name !== "string" || !(value instanceof TorchTensor)) {
      throw new KvfoldError(
        "megatron-malformed",
        `${file.path}: the model has ${describePickle(name)}: ${describePickle(value)}, which is no tensor.`,
      );
    }
    tensors.set(name, file.locate(name, value));
  }
  return tensors;
}

/** Shards of two runs or iterations would give a model that is neither. */
function refuseStranger(first: ReadShard, other: ReadShard): void {
  const identity = ({ args, iteration }: ReadShard) => JSON.stringify({ args, iteration });
  if (identity(first) === identity(other)) return;
  throw new KvfoldError(
    "megatron-malformed",
    `${other.file.path} belongs to another model or iteration than ${first.file.path} (${quoted(other.iteration)} and ` +
      `${quoted(first.iteration)}); name the folder of one iteration.`,
  );
}

function isNamespace(value: PickleValue | undefined): value is PickleObject & { readonly state: PickleDict } {
  return value instanceof PickleObject && value.className === "argparse.Namespace" && value.state instanceof PickleDict;
}

function keysOf(dict: PickleDict): string {
  return [...dict.entries.keys()].slice(0, 10).map(describePickle).join(", ") || "nothing";
}
