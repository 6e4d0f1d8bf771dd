/**
 * Whether a test file should try all of its laws: true in `npm run test:laws`, else slow backends are sampled.
 *
 * @param meta the test file's own `import.meta`, which vitest fills in
 */
export function everyLaw(meta: ImportMeta): boolean {
  return (meta as { env?: { MODE?: string } }).env?.MODE === "laws";
}
