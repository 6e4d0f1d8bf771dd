import type { ModelConfig } from "@kvfold/models";
import { parameterShapes } from "../model/parameter-shapes.js";

/** Weights of one layer that multiply a token: projections of attention, and the MLP. */
export function layerMatrixParameters(config: ModelConfig): number {
  const inLayer = [...parameterShapes(config)].filter(([name]) => name.startsWith("model.layers.0."));
  return valuesIn(inLayer.map(([, shape]) => shape).filter(({ length }) => length === 2));
}

/** All weights of a model, as its file holds them: tied embeddings once, norms and biases counted. */
export function parameterCount(config: ModelConfig): number {
  return valuesIn([...parameterShapes(config).values()]);
}

function valuesIn(shapes: readonly (readonly number[])[]): number {
  return shapes.reduce((sum, shape) => sum + shape.reduce((product, size) => product * size, 1), 0);
}
