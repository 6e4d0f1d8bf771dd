// The backend `cuda` for the programs beside it; TensorFlow.js's suite loads it by itself.
import { loadCuda } from "@kvfold/kernels-cuda";
import * as tf from "@tensorflow/tfjs-core";

/** Makes `cuda` the backend; the process ends with the reason where it cannot run. */
export async function useCuda(options = {}) {
  const loaded = loadCuda(options);
  if (!loaded.available) {
    console.error(`The backend cuda cannot run: ${loaded.reason}.`);
    process.exit(1);
  }
  tf.enableProdMode();
  await tf.setBackend("cuda");
  return loaded;
}
