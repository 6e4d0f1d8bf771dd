import { describePolicies, ownPolicyRows, storeOpRows } from "@kvfold/kv-cache/testing";
import "../index.js";

/** How far outputs may be from those over float32 entries, for values near 1; what one codec does is as exact as float32. */
const codecs = [
  { name: "bf16", tolerance: 0.015 },
  { name: "int8", tolerance: 0.03 },
];

describePolicies(
  codecs.flatMap((codec) =>
    [...ownPolicyRows, ...storeOpRows].map((row) => ({
      ...row,
      name: `${row.name ?? row.policy().name} in ${codec.name}`,
      backends: ["native"],
      codec,
    })),
  ),
);
