import type { Recipe } from "../recipe/recipe.js";

/** Parts of a recipe that may change between the parts of a run: they change nothing that is computed. */
const free = new Set(["output", "checkpoint", "evaluate"]);

/** Where a saved recipe differs from a run's in what decides the weights; empty when the run may go on. */
export function recipeDifferences(saved: unknown, recipe: Recipe): string[] {
  const now = JSON.parse(JSON.stringify(recipe)) as Record<string, unknown>; // as it comes back from a file
  return differences(saved, now, "").filter((difference) => !free.has(/^\w+/.exec(difference)?.[0] ?? ""));
}

function differences(a: unknown, b: unknown, path: string): string[] {
  if (Object.is(a, b)) return [];
  if (typeof a === "object" && typeof b === "object" && a !== null && b !== null) {
    const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
    return [...keys].flatMap((key) =>
      differences(
        (a as Record<string, unknown>)[key],
        (b as Record<string, unknown>)[key],
        path === "" ? key : `${path}.${key}`,
      ),
    );
  }
  return [`${path || "recipe"} was ${JSON.stringify(a) ?? "absent"} and is ${JSON.stringify(b) ?? "absent"}`];
}
