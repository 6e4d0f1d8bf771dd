import type { Law } from "../law.js";
import { chunkingLaw } from "./law-01-chunking.js";
import { cropLaw } from "./law-02-crop.js";
import { forkLaw } from "./law-03-fork.js";
import { batchLaw } from "./law-04-batch.js";
import { bytesLaw } from "./law-05-bytes.js";
import { budgetLaw } from "./law-06-budget.js";
import { saveLaw } from "./law-07-save.js";
import { fastFormLaw } from "./law-08-fast-form.js";
import { allAppendLaw } from "./law-09-all-append.js";
import { trainingLaw } from "./law-10-training.js";
import { positionsLaw } from "./law-11-positions.js";
import { saneLaw } from "./law-12-sane.js";

/** The twelve laws that every cache policy keeps, in order. */
export const allLaws: readonly Law[] = [
  chunkingLaw,
  cropLaw,
  forkLaw,
  batchLaw,
  bytesLaw,
  budgetLaw,
  saveLaw,
  fastFormLaw,
  allAppendLaw,
  trainingLaw,
  positionsLaw,
  saneLaw,
];
