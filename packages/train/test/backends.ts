import { listBackends } from "@kvfold/core";

const available = new Set((await listBackends()).flatMap(({ name, available }) => (available ? [name] : [])));

/** Backends that tests of whole models run on, of those that run here. */
export const backends: readonly string[] = ["cpu", "wasm", "native"].filter((name) => available.has(name));
