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
  /** Precision of float32 matrix products; default `float32`. A demand as `threads` is. `cuda` and `native` take it. */
  readonly matmulPrecision?: MatmulPrecision | undefined;
  /**
   * Device that computes: its number (as `nvidia-smi -L` counts), or the start of its UUID; default the first one. A demand
   * as `threads` is. Only `cuda` takes it.
   */
  readonly device?: number | string | undefined;
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
 * @throws KvfoldError `backend-threads` when `threads` is not a whole number from 1 up, `backend-device` when `device` is no
 *   whole number from 0 up and no text
 */
export async function chooseBackend(options: ChooseBackendOptions = {}): Promise<BackendChoice> {
  const { prefer = "auto", threads, activations, matmulPrecision, device, table = backendTable } = options;
  const settings = { threads, activations, matmulPrecision, device };
  if (threads !== undefined && !(Number.isSafeInteger(threads) && threads >= 1)) {
    throw new KvfoldError("backend-threads", `threads must be a whole number from 1 up; got ${threads}.`);
  }
  if (device === "" || (typeof device === "number" && !(Number.isSafeInteger(device) && device >= 0))) {
    const given = JSON.stringify(device);
    throw new KvfoldError("backend-device", `device must be a number from 0 up or the start of a UUID; got ${given}.`);
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

/** The settings that were asked for, in words; with `row` those that it does not take. */
function named({ threads, activations, matmulPrecision, device }: BackendSettings, row?: BackendRow): string {
  const words: Record<keyof BackendSettings, string | undefined> = {
    threads: threads === undefined ? undefined : `${threads} ${threads === 1 ? "thread" : "threads"}`,
    activations: activations === undefined ? undefined : `${activations} activations`,
    matmulPrecision: matmulPrecision === undefined ? undefined : `${matmulPrecision} matrix products`,
    device: device === undefined ? undefined : `device ${device}`,
  };
  const left = Object.entries(words).filter(([name]) => !row?.settings?.includes(name as keyof BackendSettings));
  return left.flatMap(([, text]) => text ?? []).join(" and ");
}

/** A backend that does not have the settings that are asked for is not even tried. */
async function activate(row: BackendRow, settings: BackendSettings): Promise<LoadedBackend | MissingBackend> {
  const lacking = named(settings, row);
  return lacking === "" ? activateBackend(row, settings) : { reason: `it cannot be set to ${lacking}` };
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
  if (named(settings, row) !== "") throw withoutSettings(row, settings, table);
  const loaded = await activateBackend(row, settings);
  if ("reason" in loaded) throw await unavailable(prefer, loaded.reason, table);
  const better = table.slice(0, index);
  const reasons = better.map(({ name }) => ({ name, reason: `not tried, because "${prefer}" was asked for` }));
  return { name: prefer, ...loaded, reasons };
}

function withoutSettings(row: BackendRow, settings: BackendSettings, table: readonly BackendRow[]): KvfoldError {
  const able = table.filter((other) => named(settings, other) === "").map(({ name }) => `"${name}"`);
  const remedy = able.length === 0 ? "Leave that out." : `Leave that out, or choose ${able.join(" or ")}.`;
  const lacking = named(settings, row);
  return new KvfoldError("backend-unavailable", `The backend "${row.name}" cannot be set to ${lacking}. ${remedy}`);
}

async function unavailable(prefer: string, reason: string, table: readonly BackendRow[]): Promise<KvfoldError> {
  const others = await listBackends(table.filter(({ name }) => name !== prefer));
  const available = others.flatMap((status) => (status.available ? [`${status.name} (${status.detail})`] : []));
  const remedy =
    available.length === 0 ? "No other backend can run either." : `Available here: ${available.join(", ")}.`;
  return new KvfoldError("backend-unavailable", `The backend "${prefer}" cannot run here: ${reason}. ${remedy}`);
}
