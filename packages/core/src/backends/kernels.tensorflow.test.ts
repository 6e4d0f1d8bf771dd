import "@tensorflow/tfjs-backend-cpu";
import { describeKernels } from "../testing/describe-kernels.js";
import { chooseBackend } from "./choose-backend.js";

await chooseBackend({ prefer: "tensorflow" }); // registers it, which the suite needs before it is declared
describeKernels("tensorflow");
