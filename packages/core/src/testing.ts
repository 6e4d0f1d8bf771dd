export { goldensPath, repositoryRoot, sharedPath, skipReason } from "./testing/shared-files.js";
