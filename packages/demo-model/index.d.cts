/** Folder of the model that merges its cache to a quarter (DMC), in the layout of Hugging Face: config, weights (bf16), tokenizer. */
export declare const modelPath: string;
/** Folder of the model that evicts tokens by its own decision, 16 tokens later, to a quarter (DMS). */
export declare const dmsPath: string;
/** Folder of the plain model that both were retrofitted from, which keeps every token. */
export declare const plainPath: string;
/** Folder of the control: the plain model trained on with 7 million tokens of the same text, rates and recall tasks, without compression. */
export declare const controlPath: string;
/** A page of public-domain prose that the model has never seen: the first chapter of "Pride and Prejudice" (1813). */
export declare const pagePath: string;
