import { quoted } from "@kvfold/core";
import { didYouMean } from "@kvfold/kv-cache";
import { z } from "zod";
import type { Problem } from "./recipe-problem.js";

/** What the schema found, in sentences: unknown keys with the nearest known one, values with what they must be. */
export function schemaProblems(error: z.ZodError, schema: z.ZodType, value: unknown): Problem[] {
  return error.issues.flatMap((issue): Problem[] => {
    const found = at(value, issue.path);
    if (issue.code === "unrecognized_keys") {
      const known = keysOf(schema, issue.path);
      return issue.keys.map((key) => ({
        path: [...issue.path, key],
        message: `is not a key of a recipe.${didYouMean(key, known)} There are ${known.join(", ")}`,
      }));
    }
    const missing = found === undefined;
    return [
      {
        path: issue.path,
        message: missing
          ? `is missing; it must be ${issue.message}`
          : `must be ${issue.message}, but is ${said(found)}`,
      },
    ];
  });
}

function said(value: unknown): string {
  if (Array.isArray(value)) return value.length < 5 ? quoted(value) : `a list of ${value.length}`;
  if (typeof value === "object" && value !== null) return "a section of keys";
  return typeof value === "number" ? String(value) : quoted(value);
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === "object" && inner !== null ? (inner as Record<PropertyKey, unknown>)[key] : undefined,
    value,
  );
}

/** Keys of the section of a schema that a path leads to. */
function keysOf(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let inner = sectionOf(schema);
  for (const key of path) inner = sectionOf(inner?.shape[key as string] as z.ZodType);
  return Object.keys(inner?.shape ?? {});
}

/** The section inside optional, nullable and defaulted wrappers. */
export function sectionOf(schema: z.ZodType | undefined): z.ZodObject | undefined {
  let inner: unknown = schema;
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodNullable || inner instanceof z.ZodPrefault)
    inner = inner.unwrap();
  return inner instanceof z.ZodObject ? inner : undefined;
}
