// tfjs-core's Node bundle registers no gradients. This module fills the process-global registry.
// It is bundled (tsup noExternal), for Node's ESM loader cannot follow its extensionless imports.
import "@tensorflow/tfjs-core/dist/register_all_gradients.js";
