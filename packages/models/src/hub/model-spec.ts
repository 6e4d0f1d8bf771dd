import { KvfoldError } from "@kvfold/core";

/** A model on the hub as its user names it. */
export interface HubModelId {
  /** `owner/name`. */
  readonly name: string;
  /** Branch, tag or commit; undefined: `main`. */
  readonly revision: string | undefined;
  /** Path of a `.gguf` file in the repository; undefined: the folder form. */
  readonly file: string | undefined;
}

/** Owner, name, revision after the name, file, revision at the end. */
const FORM = /^([^/@]+)\/([^/@]+?)(?:@([^@]+?))?(?:\/([^@]+\.gguf))?(?:@([^@]+))?$/i;
const PART = /^[A-Za-z0-9][\w.-]{0,95}$/;
/** Branches and tags may contain slashes (refs/pr/3); both end up in paths of the cache. */
const PATH = /^[A-Za-z0-9][\w.+ -]*(\/[A-Za-z0-9][\w.+ -]*)*$/;

/** What can be given as a model, for error messages. */
export const MODEL_FORMS =
  "a folder with config.json, a .gguf file, a hub id owner/name (or owner/name@revision), or a file on the hub owner/name/file.gguf";

/**
 * Reads `owner/name`, `owner/name@revision`, `owner/name/path/file.gguf` (with `@revision` after the name or at the end).
 *
 * @param fallback revision where the spec names none
 * @throws KvfoldError `model-spec` when it has none of these forms
 */
export function parseHubModelId(spec: string, fallback?: string): HubModelId {
  const [, owner = "", name = "", early, file, late] = (spec.length <= 1000 && FORM.exec(spec)) || [];
  const revision = early ?? late ?? fallback;
  const valid =
    PART.test(owner) &&
    PART.test(name) &&
    (early === undefined || late === undefined) &&
    [revision, file].every((path) => path === undefined || (path.length <= 250 && PATH.test(path)));
  if (valid) return { name: `${owner}/${name}`, revision, file };
  throw new KvfoldError(
    "model-spec",
    `"${spec.slice(0, 200)}"${fallback === undefined ? "" : ` (revision "${fallback.slice(0, 60)}")`} is no model: there is no such ` +
      `file or folder, and it is no hub id. Give ${MODEL_FORMS}.`,
  );
}
