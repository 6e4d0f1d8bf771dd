import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { writeShards } from "../../test/megatron/tiny-checkpoint.js";
import { findShards, isMegatronCheckpoint } from "./checkpoint-files.js";

const root = mkdtempSync(join(tmpdir(), "kvfold-megatron-files-"));
afterAll(() => rmSync(root, { recursive: true }));

const shard = new Uint8Array([80, 75, 3, 4]);
const file = "model_optim_rng.pt";

/** Writes empty files, and folders for what ends in a slash. */
function folder(name: string, ...paths: readonly string[]): string {
  for (const path of ["", ...paths]) {
    const full = join(root, name, path);
    mkdirSync(path === "" || path.endsWith("/") ? full : join(full, ".."), { recursive: true });
    if (path !== "" && !path.endsWith("/")) writeFileSync(full, "");
  }
  return join(root, name);
}

describe("findShards", () => {
  const run = join(root, "run");
  const [old, latest] = [join(run, "iter_0000250"), join(run, "iter_0000500")];
  writeShards(old, [shard]);
  writeShards(latest, [shard, shard]);
  writeFileSync(join(run, "latest_checkpointed_iteration.txt"), "500\n");
  const both = [join(latest, "mp_rank_00", file), join(latest, "mp_rank_01", file)];

  it("takes the latest iteration of a run, an iteration, a rank, or a file", () => {
    expect(findShards(run)).toEqual(both);
    expect(findShards(latest)).toEqual(both);
    expect(findShards(old)).toEqual([join(old, "mp_rank_00", file)]);
    expect(findShards(join(latest, "mp_rank_01"))).toEqual(both.slice(1));
    expect(findShards(both[0] as string)).toEqual(both.slice(0, 1));
    const release = join(root, "released");
    writeShards(join(release, "release"), [shard]);
    expect(findShards(release)).toEqual([join(release, "release/mp_rank_00", file)]);
    writeFileSync(join(release, "latest_checkpointed_iteration.txt"), "release");
    expect(findShards(release)).toHaveLength(1);
  });

  it("orders a hundred ranks by number", () => {
    const many = writeShards(join(root, "many"), Array(101).fill(shard));
    expect(findShards(many).slice(98)).toEqual([98, 99, 100].map((rank) => join(many, `mp_rank_${rank}`, file)));
  });

  it.each([
    [
      "a rank that is missing",
      folder("gap", `mp_rank_00/${file}`, `mp_rank_02/${file}`),
      /gap has no mp_rank_01; all shards/,
    ],
    [
      "a rank without its file",
      folder("empty", `mp_rank_00/${file}`, "mp_rank_01/"),
      /has no mp_rank_01\/model_optim_rng.pt/,
    ],
    ["pipeline stages", folder("pp", `mp_rank_00_000/${file}`), /holds "mp_rank_00_000": pipeline- or expert-parallel/],
    [
      "a distributed checkpoint",
      folder("dist", ".metadata", "__0_0.distcp", "common.pt"),
      /is a distributed checkpoint \(.metadata/,
    ],
    [
      "several iterations and no word which",
      folder("two", "iter_0000001/", "iter_0000002/"),
      /does not say which iteration/,
    ],
    ["nothing", folder("nothing"), /does not say which iteration to take \(found: none/],
  ])("refuses %s", (_, path, message) => {
    expect(() => findShards(path)).toThrow(message);
  });

  it.each(["700", "../run/iter_0000500", "", "5".repeat(200), "1e3", "-500"])(
    "refuses an iteration file that says %j",
    (said) => {
      const path = join(root, "said");
      writeShards(join(path, "iter_0000500"), [shard]);
      writeFileSync(join(path, "latest_checkpointed_iteration.txt"), said);
      expect(() => findShards(path)).toThrow(/but there is no folder for it \(found: iter_0000500\)/);
    },
  );

  it("tells Megatron checkpoints from other models", () => {
    for (const path of [run, latest, both[0] as string, join(root, "pp"), join(root, "dist"), join(root, "two")]) {
      expect(isMegatronCheckpoint(path), path).toBe(true);
    }
    const other = folder("hf", "config.json", "model.safetensors", "release/");
    writeFileSync(join(other, "x.gguf"), "GGUF");
    writeFileSync(join(other, "archive.bin"), shard);
    for (const path of [other, join(other, "x.gguf"), join(root, "nothing"), join(root, "absent"), root]) {
      expect(isMegatronCheckpoint(path), path).toBe(false);
    }
    expect(isMegatronCheckpoint(join(other, "archive.bin"))).toBe(true);
  });
});
