import { sharedRegistry } from "@kvfold/core";
import type { TokenDrawer } from "@kvfold/models";
import { backendName } from "../backend/cuda-kernel.js";
import { drawTokens } from "./draw-tokens.js";

/** Makes {@link drawTokens} what `@kvfold/models` draws tokens with on this backend. */
export function registerDrawer(): void {
  sharedRegistry<TokenDrawer>("tokenDrawers").set(backendName, drawTokens);
}
