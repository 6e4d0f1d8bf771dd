import { describeKernels } from "@kvfold/core/testing";
import { emulator } from "../test/use-emulator.js";

if (emulator !== undefined) describeKernels("cuda");
