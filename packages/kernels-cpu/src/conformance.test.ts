import { describeKernels } from "@kvfold/core/testing";
import "./index.js";

describeKernels("native");
