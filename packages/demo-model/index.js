import { fileURLToPath } from "node:url";

export const modelPath = fileURLToPath(new URL("model", import.meta.url));
export const dmsPath = fileURLToPath(new URL("dms", import.meta.url));
export const plainPath = fileURLToPath(new URL("plain", import.meta.url));
export const controlPath = fileURLToPath(new URL("control", import.meta.url));
export const pagePath = fileURLToPath(new URL("page.txt", import.meta.url));
