import { type ConfigFields, SIZE_LIMITS } from "./config-fields.js";
import type { LayerConfig } from "./model-config.js";

/** One {@link LayerConfig} a layer; `differences` returns what departs from full attention with the model's rotation. */
export function layerRows(layers: number, differences: (layer: number) => Partial<LayerConfig>): LayerConfig[] {
  return Array.from({ length: layers }, (_, layer) => ({
    useRope: true,
    ropeKind: "global" as const,
    slidingWindow: undefined,
    ...differences(layer),
  }));
}

/** `layer_types` as booleans (true = sliding window); `fallback` decides where the key is missing. */
export function slidingLayers(fields: ConfigFields, layers: number, fallback: (layer: number) => boolean): boolean[] {
  const list = fields.list("layer_types");
  if (list === undefined) return Array.from({ length: layers }, (_, layer) => fallback(layer));
  if (list.length !== layers)
    fields.fail("layer_types", `must have one entry for each of the ${layers} layers, but has ${list.length}`);
  return list.map((type) => {
    if (type !== "full_attention" && type !== "sliding_attention")
      fields.fail("layer_types", 'may only hold "full_attention" and "sliding_attention"');
    return type === "sliding_attention";
  });
}

/** Qwen 2 and 3: the layers from `max_window_layers` on slide, and only when `use_sliding_window` says so. */
export function qwenLayers(fields: ConfigFields, layers: number): LayerConfig[] {
  const enabled = fields.boolean("use_sliding_window", false);
  const window = enabled ? fields.integerOrNull("sliding_window", 4096, SIZE_LIMITS.positions) : null;
  const from = fields.integer("max_window_layers", 28, { min: 0, max: SIZE_LIMITS.layers.max });
  const sliding = slidingLayers(fields, layers, (layer) => window !== null && layer >= from);
  return layerRows(layers, (layer) => ({ slidingWindow: sliding[layer] ? (window ?? undefined) : undefined }));
}

/** SmolLM3: every `no_rope_layer_interval`-th layer attends without positions. */
export function smollm3Layers(fields: ConfigFields, layers: number): LayerConfig[] {
  const interval = fields.integer("no_rope_layer_interval", 4, SIZE_LIMITS.layers);
  const list = fields.list("no_rope_layers");
  if (list !== undefined && list.length < layers)
    fields.fail("no_rope_layers", `must have an entry for each of the ${layers} layers, but has ${list.length}`);
  // Despite the key's name, 1 means that the layer rotates.
  const useRope = Array.from({ length: layers }, (_, layer) => {
    const flag = list === undefined ? Number((layer + 1) % interval !== 0) : list[layer];
    if (flag !== 0 && flag !== 1) fields.fail("no_rope_layers", "may only hold 0 and 1");
    return flag === 1;
  });
  const enabled = fields.boolean("use_sliding_window", false);
  const window = enabled ? fields.integerOrNull("sliding_window", null, SIZE_LIMITS.positions) : null;
  const sliding = slidingLayers(fields, layers, (layer) => window !== null && !useRope[layer]);
  return layerRows(layers, (layer) => ({
    useRope: useRope[layer] === true,
    slidingWindow: sliding[layer] ? (window ?? undefined) : undefined,
  }));
}
