import { z } from "zod";
import { recipeSchema } from "./recipe-schema.js";
import { type KeyNotes, keyNotes } from "./schema-fields.js";
import { sectionOf } from "./schema-problems.js";

/** What there is to know about a key of a recipe. */
export interface RecipeKey extends KeyNotes {
  /** `batch.rows` */
  readonly key: string;
  /** True for a section, which has keys of its own. */
  readonly section: boolean;
}

/** Every key of a recipe in the order of the schema, sections before their keys. */
export function recipeKeys(): RecipeKey[] {
  const keys: RecipeKey[] = [];
  const visit = (schema: z.ZodType, path: readonly string[]) => {
    const section = sectionOf(schema);
    const notes = notesOf(schema);
    if (notes !== undefined) keys.push({ key: path.join("."), section: section !== undefined, ...notes });
    for (const [name, inner] of Object.entries(section?.shape ?? {})) visit(inner as z.ZodType, [...path, name]);
  };
  visit(recipeSchema, []);
  return keys;
}

/** A markdown table of every key that takes a value. */
export function recipeTable(): string {
  const rows = recipeKeys().map(({ key, meaning, type, default: fallback, section }) =>
    section && fallback === ""
      ? `| **\`${key}\`** | | | ${meaning} |`
      : `| \`${key}\` | ${type} | ${fallback} | ${meaning} |`,
  );
  return ["| key | must be | default | meaning |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

function notesOf(schema: z.ZodType): KeyNotes | undefined {
  const notes = keyNotes.get(schema);
  return notes === undefined && schema instanceof z.ZodOptional ? keyNotes.get(schema.unwrap() as z.ZodType) : notes;
}
