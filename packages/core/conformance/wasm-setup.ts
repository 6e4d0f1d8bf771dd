// What loadWasm replaces in the wasm backend, so that the suite runs on the backend that kvfold uses.
import { replaceWasmSlice } from "../src/backends/wasm-slice.js";

replaceWasmSlice();
