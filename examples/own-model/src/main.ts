import { chooseBackend } from "@kvfold/core";
import { comparePolicies } from "./compare-policies.js";

await chooseBackend({ prefer: "wasm" });
console.log(comparePolicies());
