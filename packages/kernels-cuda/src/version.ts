import { createRequire } from "node:module";

/** Version of this package; src and dist both lie one folder below its manifest. */
export const { version } = createRequire(import.meta.url)("../package.json") as { version: string };
