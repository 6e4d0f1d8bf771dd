import { KvfoldError } from "@kvfold/core";
import type { HubFile } from "./hub-files.js";
import type { HubModelId } from "./model-spec.js";

/** How to reach the hub. */
export interface HubOptions {
  /** Used for every request; default: the global fetch. */
  readonly fetch?: typeof fetch;
  /** Address of the hub or a mirror; default `https://huggingface.co`. */
  readonly hubUrl?: string;
  /** Token (`hf_...`) for private and gated models. */
  readonly accessToken?: string;
  /** Stops the download; what is complete stays in the cache. */
  readonly signal?: AbortSignal;
}

/** One commit of one repository. */
export interface HubSnapshot {
  readonly commit: string;
  readonly files: readonly HubFile[];
}

/** Resolves the revision to a commit and lists its files. */
export async function listSnapshot(id: HubModelId, options: HubOptions): Promise<HubSnapshot> {
  const hub = await import("@huggingface/hub");
  return explain(id, async () => {
    const request = requestOptions(options);
    const revision = id.revision ?? "main";
    const { sha } = await hub.modelInfo({ ...request, name: id.name, revision, additionalFields: ["sha"] });
    if (typeof sha !== "string" || !/^[0-9a-f]{40}$/.test(sha))
      throw new KvfoldError("hub-answer", `The hub gave no commit for ${id.name}@${revision}.`);
    const files: HubFile[] = [];
    const listing = hub.listFiles({
      ...request,
      repo: id.name,
      revision: sha,
      recursive: id.file?.includes("/") ?? false,
    });
    for await (const entry of listing) {
      if (entry.type === "file") files.push({ path: entry.path, size: entry.size, sha256: entry.lfs?.oid });
      if (files.length > 20_000)
        throw new KvfoldError("hub-answer", `${id.name} lists more than 20000 files; refused.`);
    }
    return { commit: sha, files };
  });
}

/** Opens one file of a commit as a stream of bytes. */
export async function openHubFile(
  id: HubModelId,
  commit: string,
  path: string,
  options: HubOptions,
): Promise<ReadableStream<Uint8Array>> {
  const hub = await import("@huggingface/hub");
  return explain(id, async () => {
    const blob = await hub.downloadFile({ ...requestOptions(options), repo: id.name, path, revision: commit });
    if (blob === null) throw new KvfoldError("hub-model", `${id.name} has no file ${path} at commit ${commit}.`);
    return blob.stream() as ReadableStream<Uint8Array>;
  });
}

function requestOptions({ fetch: given = fetch, hubUrl, accessToken, signal }: HubOptions) {
  const withSignal: typeof fetch = (input, init) => given(input, signal ? { ...init, signal } : init);
  return {
    fetch: withSignal,
    ...(hubUrl === undefined ? {} : { hubUrl }),
    ...(accessToken === undefined ? {} : { accessToken }),
  };
}

/** Turns the hub's answers into sentences with a remedy. */
export async function explain<T>(id: HubModelId, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (KvfoldError.isInstance(error) || (error instanceof Error && error.name === "AbortError")) throw error;
    const cause = { cause: error };
    const status = (error as { statusCode?: unknown }).statusCode;
    const where = id.revision === undefined ? id.name : `${id.name}@${id.revision}`;
    if (status === 401 || status === 403)
      throw new KvfoldError(
        "hub-access",
        `The hub refuses access to ${where} (${status}): it does not exist, or is private or gated. Check the name, or give an access token of an account that may read it.`,
        cause,
      );
    if (status === 404)
      throw new KvfoldError(
        "hub-missing",
        `The hub has no model ${where} (404). Check owner, name and revision.`,
        cause,
      );
    if (typeof status === "number")
      throw new KvfoldError("hub-answer", `The hub answered ${status} for ${where}. Try again later.`, cause);
    const reason = reasonOf(error);
    throw new KvfoldError("hub-unreachable", `${where} could not be fetched from the hub: ${reason}.`, cause);
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error).slice(0, 200);
  const inner = error.cause instanceof Error ? ` (${error.cause.message})` : "";
  return `${error.message}${inner}`.slice(0, 300);
}
