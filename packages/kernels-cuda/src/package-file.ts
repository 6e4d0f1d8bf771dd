import { fileURLToPath } from "node:url";

/** Path of a file of this package; src and dist both lie one folder below it. */
export function packageFile(path: string): string {
  return fileURLToPath(new URL(`../${path}`, import.meta.url));
}
