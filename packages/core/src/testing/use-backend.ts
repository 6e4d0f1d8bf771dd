import * as tf from "@tensorflow/tfjs-core";
import { chooseBackend } from "../backends/choose-backend.js";

/** Makes a backend the current one, whether TensorFlow.js knows it already or kvfold has to load it. */
export async function useBackend(name: string): Promise<void> {
  if (tf.findBackendFactory(name) !== null) await tf.setBackend(name);
  else await chooseBackend({ prefer: name });
}
