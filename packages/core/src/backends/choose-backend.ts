import { KvfoldError } from "../errors/kvfold-error.js";
import { activateBackend } from "./activate-backend.js";
import type {
  ActivationPrecision,
  BackendRow,
  BackendSettings,
  LoadedBackend,
  MatmulPrecision,
  MissingBackend,
} from "./backend-row.js";
import { backendTable } from "./backend-table.js";
import { listBackends } from "./list-backends.js";

/** Options of {@link chooseBackend}. */
export interface ChooseBackendOptions extends BackendSettings {
  /**
   * Name of a backend, or `"auto"` (the default) for the best one that runs here. A name is a demand: when that
   * backend cannot run, the call fails and nothing else is used in its place.
   */
  readonly prefer?: string;
  /**
   * Threads that compute, from 1 up; default: as the backend sees fit. A number is a demand too: backends whose number of
   * threads cannot be set are passed over, and a named one fails. Only `native` takes it.
   */
  readonly threads?: number | undefined;
  /** Precision of activations; default `float32`. A demand as `threads` is. Only `native` takes it. */
  readonly activations?: ActivationPrecision | undefined;
  /** Precision of float32 matrix products; default `float32`. A demand as `threads` is. Only `native` takes it. */
  readonly matmulPrecision?: MatmulPrecision | undefined;
  /** Rows to choose from, best first; default every backend that kvfold knows. */
  readonly table?: readonly BackendRow[];
}

/** The backend that is current now, and why no better one is. */
export interface BackendChoice extends LoadedBackend {
  /** Name of the backend in TensorFlow.js. */
  readonly name: string;
  /** Every better backend, best first, with the reason why it was not chosen. */
  readonly reasons: readonly { readonly name: string; readonly reason: string }[];
}

/**
 * Makes the best TensorFlow.js backend of this machine the current one:
 * `cuda` > `native` > `tensorflow` > `wasm` > `cpu`.
 *
 * @returns what was chosen, its version, and why each better backend was not
 * @throws KvfoldError `backend-unknown` when `prefer` names no backend of the table
 * @throws KvfoldError `backend-unavailable` when the named backend, or for `"auto"` every backend, cannot run here, or not with
 *   so many threads
 * @throws KvfoldError `backend-threads` when `threads` is not a whole number from 1 up
 */
export async function chooseBackend(options: ChooseBackendOptions = {}): Promise<BackendChoice> {
  const { prefer = "auto", threads, activations, matmulPrecision, table = backendTable } = options;
  const settings = { threads, activations, matmulPrecision };
  if (threads !== undefined && !(Number.isSafeInteger(threads) && threads >= 1)) {
    throw new KvfoldError("backend-threads", `threads must be a whole number from 1 up; got ${threads}.`);
  }
  if (prefer !== "auto") return chooseNamed(prefer, table, settings);
  const reasons: { name: string; reason: string }[] = [];
  for (const row of table) {
    const loaded = await activate(row, settings);
    if (!("reason" in loaded)) return { name: row.name, ...loaded, reasons };
    reasons.push({ name: row.name, reason: loaded.reason });
  }
  const failures = reasons.map(({ name, reason }) => `${name}: ${reason}`).join("; ");
  const wanted = named(settings) === "" ? "" : ` with ${named(settings)}`;
  throw new KvfoldError("backend-unavailable", `No backend can run here${wanted} (${failures}).`);
}

/** The settings that were asked for, in words. */
function named({ threads, activations, matmulPrecision }: BackendSettings): string {
  const parts = [
    ...(threads === undefined ? [] : [`${threads} ${threads === 1 ? "thread" : "threads"}`]),
    ...(activations === undefined ? [] : [`${activations} activations`]),
    ...(matmulPrecision === undefined ? [] : [`${matmulPrecision} matrix products`]),
  ];
  return parts.join(" and ");
}

/** A backend that has no settings is not even tried when one is asked for. */
async function activate(row: BackendRow, settings: BackendSettings): Promise<LoadedBackend | MissingBackend> {
  if (named(settings) === "" || row.takesSettings) return activateBackend(row, settings);
  return { reason: `it cannot be set to ${named(settings)}` };
}

async function chooseNamed(
  prefer: string,
  table: readonly BackendRow[],
  settings: BackendSettings,
): Promise<BackendChoice> {
  const index = table.findIndex(({ name }) => name === prefer);
  const row = table[index];
  if (row === undefined) {
    const known = table.map(({ name }) => name).join(", ");
    throw new KvfoldError("backend-unknown", `There is no backend "${prefer}"; choose "auto" or one of: ${known}.`);
  }
  if (named(settings) !== "" && !row.takesSettings) throw withoutSettings(prefer, named(settings), table);
  const loaded = await activateBackend(row, settings);
  if ("reason" in loaded) throw await unavailable(prefer, loaded.reason, table);
  const better = table.slice(0, index);
  const reasons = better.map(({ name }) => ({ name, reason: `not tried, because "${prefer}" was asked for` }));
  return { name: prefer, ...loaded, reasons };
}

function withoutSettings(prefer: string, wanted: string, table: readonly BackendRow[]): KvfoldError {
  const able = table.filter(({ takesSettings }) => takesSettings).map(({ name }) => `"${name}"`);
  const remedy = able.length === 0 ? "Leave that out." : `Leave that out, or choose ${able.join(" or ")}.`;
  return new KvfoldError("backend-unavailable", `The backend "${prefer}" cannot be set to ${wanted}. ${remedy}`);
}

async function unavailable(prefer: string, reason: string, table: readonly BackendRow[]): Promise<KvfoldError> {
  const others = await listBackends(table.filter(({ name }) => name !== prefer));
  const available = others.flatMap((status) => (status.available ? [`${status.name} (${status.detail})`] : []));
  const remedy =
    available.length === 0 ? "No other backend can run either." : `Available here: ${available.join(", ")}.`;
  return new KvfoldError("backend-unavailable", `The backend "${prefer}" cannot run here: ${reason}. ${remedy}`);
}
