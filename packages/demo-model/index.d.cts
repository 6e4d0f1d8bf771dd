/** Folder of the model, in the layout of Hugging Face: config, weights (bf16), tokenizer. */
export declare const modelPath: string;
/** A page of public-domain prose that the model has never seen: the first chapter of "Pride and Prejudice" (1813). */
export declare const pagePath: string;
