import { ConfigFields, describeValue } from "../config/config-fields.js";
import { TOKENIZER_ERROR } from "./tokenizer-json.js";
import { flattenStages } from "./tokenizer-stages.js";

/** Ids that a tokenizer puts around a text when special tokens are added. */
export interface SpecialTemplate {
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/** What a `TemplateProcessing` post-processor adds around one text; nothing without one. */
export function readSpecialTemplate(postProcessor: unknown, ids: ReadonlyMap<string, number>): SpecialTemplate {
  const before: number[] = [];
  const after: number[] = [];
  for (const stage of flattenStages(postProcessor, "post_processor", "processors")) {
    const fields = new ConfigFields(stage, "tokenizer.json: post_processor", TOKENIZER_ERROR);
    // ByteLevel only trims character offsets, which nobody asks for here.
    if (fields.choice("type", undefined, ["TemplateProcessing", "ByteLevel"]) === "ByteLevel") continue;
    const items = fields.list("single") ?? fields.fail("single", "is missing");
    if (items.length > 64) fields.fail("single", `has ${items.length} items`);
    let textSeen = false;
    for (const item of items) {
      const piece = new ConfigFields(item, "tokenizer.json: post_processor item", TOKENIZER_ERROR);
      if (piece.has("Sequence")) {
        if (textSeen) fields.fail("single", "repeats the text");
        textSeen = true;
        continue;
      }
      const name = piece.nested("SpecialToken").string("id", undefined);
      const id = ids.get(name) ?? fields.fail("single", `names ${describeValue(name)}, which is not in the vocabulary`);
      (textSeen ? after : before).push(id);
    }
    if (!textSeen) fields.fail("single", "has no place for the text");
  }
  return { before, after };
}
