export {
  ARCHITECTURES,
  type Architecture,
  type LayerConfig,
  type ModelConfig,
} from "./config/model-config.js";
export { parseConfig } from "./config/parse-config.js";
export type { RetrofitConfig } from "./config/retrofit-config.js";
