import { registerPackedSupport } from "@kvfold/core";
import { mapFile } from "./mapped-file.js";
import { registerNative } from "./register-native.js";
import { registerNativeStore, registerStepRecorder } from "./store/register-store.js";
import { weightFormats } from "./weight-format.js";

export { probe } from "./kernels-package.js";
export { type LoadedKernels, type LoadKernelsOptions, loadKernels } from "./load-kernels.js";
export { type MappedFile, mapFile } from "./mapped-file.js";
export { type InstructionSet, instructionSets } from "./native-addon.js";
export { version } from "./version.js";

registerNative();
registerNativeStore();
registerStepRecorder();
registerPackedSupport("native", { storages: weightFormats, mapFile });
