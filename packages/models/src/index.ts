export { ChatSession } from "./chat/chat-session.js";
export { chatText, type EncodeChatOptions, encodeChat } from "./chat/encode-chat.js";
export { type ChatMessage, type RenderChatOptions, renderChat } from "./chat/render-chat.js";
export {
  ARCHITECTURES,
  type Architecture,
  type LayerConfig,
  type ModelConfig,
} from "./config/model-config.js";
export { modelPolicies } from "./config/model-policies.js";
export { dmcOptionsFromRetrofit, dmsOptionsFromRetrofit } from "./config/options-from-retrofit.js";
export { parseConfig } from "./config/parse-config.js";
export type { DmcRetrofitConfig, DmsRetrofitConfig, RetrofitConfig } from "./config/retrofit-config.js";
export { type ConvertOptions, convertToFolder, type FolderConversion } from "./convert/convert-to-folder.js";
export { type ConvertToGgufOptions, convertToGguf, type GgufConversion } from "./convert/convert-to-gguf.js";
export type { FloatDtype } from "./convert/converted-tensors.js";
export { GGUF_WEIGHT_TYPES, type GgufWeightType } from "./convert/gguf-weight-types.js";
export { type ModelFolder, type NamedTensor, writeModelFolder } from "./convert/write-model-folder.js";
export { Decoder, type ForwardOptions } from "./decoder/decoder.js";
export type { DecoderLayerWeights, DecoderWeights, EmbeddingRows, Projection } from "./decoder/decoder-weights.js";
export {
  type LoadDecoderWeightsOptions,
  type LoadProgress,
  loadDecoderWeights,
} from "./decoder/load-decoder-weights.js";
export { type Generation, generate } from "./generation/generate.js";
export type { GenerateOptions, Prompt, PromptText } from "./generation/generate-options.js";
export type {
  FinishReason,
  GeneratedRow,
  GeneratedToken,
  GenerationResult,
  GenerationStats,
} from "./generation/generation-result.js";
export { GgufMetadata, type GgufNumbers, type GgufValue } from "./gguf/gguf-metadata.js";
export { ggufToConfig } from "./gguf/gguf-to-config.js";
export { type GgufHeader, type GgufTensor, parseGgufHeader } from "./gguf/parse-gguf-header.js";
export type { DownloadProgress } from "./hub/download-to-cache.js";
export type { HubOptions } from "./hub/hub-client.js";
export { type ResolvedModel, type ResolveModelOptions, resolveModel } from "./hub/resolve-model.js";
export { LanguageModel, type LogLikelihoodOptions } from "./language-model.js";
export { type LoadAnyModelOptions, type LoadModelOptions, loadLocalModel, loadModel } from "./load-model.js";
export type { MegatronOptions } from "./megatron/read-megatron-checkpoint.js";
export { type ModelFiles, openModelFiles, readModelConfig } from "./model-files.js";
export type { TokenDraw, TokenDrawer } from "./sampling/draw-tokens.js";
export { logProbabilities, type TokenLogProbability } from "./sampling/log-probabilities.js";
export { Random } from "./sampling/random.js";
export { Sampler } from "./sampling/sampler.js";
export type { SamplingOptions } from "./sampling/sampling-options.js";
export { type StopResult, StopStrings } from "./text/stop-strings.js";
export { TextStream } from "./text/text-stream.js";
export { createTokenizer } from "./tokenizer/create-tokenizer.js";
export { ggufToTokenizerConfig, ggufToTokenizerJson, tokenizerFromGguf } from "./tokenizer/gguf-tokenizer.js";
export { loadTokenizer } from "./tokenizer/load-tokenizer.js";
export type { DecodeOptions, EncodeOptions, Tokenizer } from "./tokenizer/tokenizer.js";
export { parseTokenizerConfig, type TokenizerConfig } from "./tokenizer/tokenizer-config.js";
export { type GgufSource, openGguf } from "./weights/open-gguf.js";
export { openHfFolder, safetensorsSource } from "./weights/open-hf-folder.js";
export type { PackedTensor, TensorInfo, TensorSource } from "./weights/tensor-source.js";
export { packableStorages, type WeightStorage } from "./weights/weight-storage.js";
