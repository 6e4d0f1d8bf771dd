export {
  ARCHITECTURES,
  type Architecture,
  type LayerConfig,
  type ModelConfig,
} from "./config/model-config.js";
export { parseConfig } from "./config/parse-config.js";
export type { RetrofitConfig } from "./config/retrofit-config.js";
export { type ConvertOptions, convertToFolder } from "./convert/convert-to-folder.js";
export type { FloatDtype } from "./convert/converted-tensors.js";
export { GgufMetadata, type GgufNumbers, type GgufValue } from "./gguf/gguf-metadata.js";
export { ggufToConfig } from "./gguf/gguf-to-config.js";
export { type GgufHeader, type GgufTensor, parseGgufHeader } from "./gguf/parse-gguf-header.js";
export { type GgufSource, openGguf } from "./weights/open-gguf.js";
export { openHfFolder } from "./weights/open-hf-folder.js";
export type { TensorInfo, TensorSource } from "./weights/tensor-source.js";
