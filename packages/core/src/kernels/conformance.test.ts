import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-backend-wasm";
import { describeKernels } from "../testing/describe-kernels.js";

describeKernels("cpu");
describeKernels("wasm");
