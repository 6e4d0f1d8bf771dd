import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { KvfoldError } from "@kvfold/core";
import { readJsonFile } from "../config/read-json-file.js";
import { type DownloadProgress, downloadToCache } from "./download-to-cache.js";
import { type HubOptions, listSnapshot } from "./hub-client.js";
import { INDEX_FILE, smallFiles, weightFiles } from "./hub-files.js";
import { type HubModelId, MODEL_FORMS, parseHubModelId } from "./model-spec.js";

/** Options of {@link resolveModel}. */
export interface ResolveModelOptions extends HubOptions {
  /** Where downloads are kept; default: the Hugging Face cache (`~/.cache/huggingface/hub`, or as its variables say). */
  readonly cacheDir?: string;
  /** Branch, tag or commit, where the spec names none; default `main`. */
  readonly revision?: string;
  /** Told as bytes arrive. */
  readonly onProgress?: (progress: DownloadProgress) => void;
  /** True: config and tokenizer files only, for what needs no weights. A `.gguf` file comes whole. Default false. */
  readonly withoutWeights?: boolean;
}

/** A model that lies on this machine. */
export interface ResolvedModel {
  /** A Hugging Face folder, or a `.gguf` file. */
  readonly path: string;
  readonly origin: "local" | "hub";
  /** Commit on the hub. */
  readonly commit?: string;
}

const MAX_INDEX_BYTES = 64 * 2 ** 20;

/**
 * Finds a model: a local folder or `.gguf` file as it is, anything of the form `owner/name` from the hub (downloaded once; the
 * cache has the layout of Hugging Face's own tools). Only config, tokenizer and safetensors files are fetched, or the one
 * `.gguf` file that the spec names. Without a connection, what the cache has for the revision is used.
 *
 * @param spec local path, `owner/name`, `owner/name@revision` or `owner/name/file.gguf`
 * @throws KvfoldError `model-spec`, `hub-missing`, `hub-access`, `hub-model`, `hub-damaged` or `hub-unreachable`, each with what
 * was looked for and what there is
 */
export async function resolveModel(spec: string, options: ResolveModelOptions = {}): Promise<ResolvedModel> {
  if (typeof spec !== "string" || spec.trim() === "")
    throw new KvfoldError("model-spec", `No model was named. Give ${MODEL_FORMS}.`);
  if ((await stat(spec).catch(() => undefined)) !== undefined) return { path: spec, origin: "local" };
  const id = parseHubModelId(spec, options.revision);
  const repository = join(options.cacheDir ?? (await defaultCacheDir()), `models--${id.name.replace("/", "--")}`);
  const cached = await cachedModel(id, repository, true);
  if (cached !== undefined) return cached;
  try {
    return await fetchModel(id, repository, options);
  } catch (error) {
    const offline = KvfoldError.isInstance(error) && error.code === "hub-unreachable";
    const fallback = offline ? await cachedModel(id, repository, false) : undefined;
    if (fallback !== undefined) return fallback;
    if (offline)
      throw new KvfoldError(
        "hub-unreachable",
        `There is no local file or folder ${spec}, it is not in the cache (${repository}), and the hub cannot be asked. ${error.message}`,
        { cause: error },
      );
    throw error;
  }
}

async function fetchModel(id: HubModelId, repository: string, options: ResolveModelOptions): Promise<ResolvedModel> {
  const { commit, files } = await listSnapshot(id, options);
  const snapshot = join(repository, "snapshots", commit);
  const target = { id, commit, snapshot };
  if (id.file !== undefined) {
    const wanted = files.filter((file) => file.path === id.file);
    if (wanted.length === 0) {
      const gguf = files.map((file) => file.path).filter((path) => /\.gguf$/i.test(path));
      throw new KvfoldError(
        "hub-model",
        `${id.name} has no file ${id.file}. GGUF files there: ${gguf.slice(0, 20).join(", ") || "none"}.`,
      );
    }
    await downloadToCache(target, wanted, options);
  } else {
    const small = smallFiles(files, id.name);
    await downloadToCache(target, small, options);
    if (options.withoutWeights) return { path: snapshot, origin: "hub", commit };
    const where = INDEX_FILE;
    const index = await readJsonFile(join(snapshot, where), { maxBytes: MAX_INDEX_BYTES, code: "hub-model", where });
    // A total that counts the small files again keeps progress monotonous.
    await downloadToCache(target, [...small, ...weightFiles(files, index, id.name)], options);
    await writeFile(join(snapshot, COMPLETE), "");
  }
  await rememberRevision(id, repository, commit);
  return { path: pathOf(snapshot, id), origin: "hub", commit };
}

/** Marks a snapshot folder whose files are all there, so that a pinned commit needs no request. */
const COMPLETE = ".kvfold-complete";

/** What the cache has: for a commit hash always, for a branch or tag only when `pinnedOnly` is false (it may have moved). */
async function cachedModel(
  id: HubModelId,
  repository: string,
  pinnedOnly: boolean,
): Promise<ResolvedModel | undefined> {
  const revision = id.revision ?? "main";
  const pinned = /^[0-9a-f]{40}$/.test(revision);
  if (pinnedOnly && !pinned) return undefined;
  const commit = pinned ? revision : await readFile(join(repository, "refs", revision), "utf8").catch(() => undefined);
  if (commit === undefined) return undefined;
  const snapshot = join(repository, "snapshots", commit.trim());
  // Folders that other tools have filled carry no mark; without a connection they are taken as they are.
  const proof = id.file ?? (pinnedOnly ? COMPLETE : "config.json");
  const complete = (await stat(join(snapshot, proof)).catch(() => undefined)) !== undefined;
  return complete ? { path: pathOf(snapshot, id), origin: "hub", commit: commit.trim() } : undefined;
}

async function rememberRevision(id: HubModelId, repository: string, commit: string): Promise<void> {
  const revision = id.revision ?? "main";
  if (revision === commit) return;
  const path = join(repository, "refs", ...revision.split("/"));
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, commit);
}

function pathOf(snapshot: string, id: HubModelId): string {
  return id.file === undefined ? snapshot : join(snapshot, ...id.file.split("/"));
}

async function defaultCacheDir(): Promise<string> {
  const { getHFHubCachePath } = await import("@huggingface/hub");
  return getHFHubCachePath();
}
