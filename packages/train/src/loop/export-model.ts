import { join } from "node:path";
import { type RetrofitConfig, writeModelFolder } from "@kvfold/models";
import type { Parameters } from "../model/parameters.js";
import type { Start } from "./open-start.js";

/**
 * Writes a run's weights as a Hugging Face folder `model`, in bf16, with the retrofit block; `kvfold` commands read it with
 * no flags.
 *
 * @returns path of the folder
 */
export function exportModel(
  output: string,
  parameters: Parameters,
  { fields, tokenizerFrom }: Pick<Start, "fields" | "tokenizerFrom">,
  retrofit: RetrofitConfig | undefined,
): string {
  const folder = join(output, "model");
  writeModelFolder(folder, {
    config: fields,
    ...(retrofit === undefined ? {} : { retrofit }),
    tensors: tensors(parameters),
    dtype: "bf16",
    tokenizerFrom,
  });
  return folder;
}

function* tensors(parameters: Parameters) {
  for (const name of parameters.names) {
    const tensor = parameters.get(name);
    yield { name, shape: tensor.shape, values: tensor.dataSync<"float32">() };
  }
}
