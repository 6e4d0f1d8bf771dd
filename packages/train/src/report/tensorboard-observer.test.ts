import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { maskedCrc32c } from "./crc32c.js";
import { startEvent, stepEvent } from "./example-events.js";
import { tensorboardObserver } from "./tensorboard-observer.js";
import type { TrainingEvent } from "./training-event.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kvfold-tensorboard-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Time of all tests: 1970-01-01T00:16:40.500Z. */
function write(...events: readonly TrainingEvent[]): void {
  const observer = tensorboardObserver(join(folder, "run"), () => 1_000_500);
  for (const event of events) observer.observe(event);
  observer.close?.();
}

/** Fields of a protobuf message: numbers, or bytes. */
function fields(bytes: Buffer): { field: number; value: number | Buffer }[] {
  const found: { field: number; value: number | Buffer }[] = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at++] as number;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  const skipped = (count: number) => {
    at += count;
    return bytes.subarray(at - count, at);
  };
  while (at < bytes.length) {
    const tag = varint();
    const readers: Record<number, () => number | Buffer> = {
      0: varint,
      1: () => skipped(8).readDoubleLE(),
      2: () => skipped(varint()),
      5: () => skipped(4).readFloatLE(),
    };
    found.push({ field: tag >> 3, value: (readers[tag & 7] as () => number | Buffer)() });
  }
  return found;
}

const bytesOf = (message: Buffer, field: number) =>
  fields(message).flatMap(({ field: found, value }) => (found === field ? [value as Buffer] : []));

/** Messages of an event file whose checksums are right. */
function messages(name: string): Buffer[] {
  const bytes = readFileSync(join(folder, "run", name));
  const found: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    expect(bytes.readUInt32LE(at + 8)).toBe(maskedCrc32c(bytes.subarray(at, at + 8)));
    const message = bytes.subarray(at + 12, at + 12 + length);
    expect(bytes.readUInt32LE(at + 12 + length)).toBe(maskedCrc32c(message));
    found.push(message);
    at += 16 + length;
  }
  return found;
}

function scalars(message: Buffer): Record<string, number> {
  return Object.fromEntries(
    bytesOf(message, 5).flatMap((summary) =>
      bytesOf(summary, 1).map((value) => {
        const [tag, simple] = fields(value);
        return [String(tag?.value), simple?.value as number];
      }),
    ),
  );
}

const stepOf = (message: Buffer) => fields(message).find(({ field }) => field === 2)?.value;
const names = () => readdirSync(join(folder, "run")).sort();

describe("tensorboardObserver", () => {
  it("writes the scalars of steps and evaluations", () => {
    const step = stepEvent({ compressionLoss: undefined, mfu: undefined, step: 300 });
    write(startEvent(), step, { type: "evaluation", step: 300, perplexity: 40.5, recall: 0.25, best: true });
    expect(names()).toEqual(["events.out.tfevents.1000.kvfold"]);
    const [head, ...rest] = messages(names()[0] as string) as [Buffer, ...Buffer[]];
    expect(fields(head)[0]).toEqual({ field: 1, value: 1000.5 });
    expect(bytesOf(head, 3).map(String)).toEqual(["brain.Event:2"]);
    expect(rest.map(stepOf)).toEqual([300, 300]);
    expect(scalars(rest[0] as Buffer)).toEqual({
      loss: 3.5,
      crossEntropy: 3.25,
      targetRatio: 2,
      ratio: Math.fround(1.9),
      learningRate: Math.fround(1e-3),
      gradientNorm: 0.5,
      tokensPerSecond: 2500,
      "merged/layer0/head0": 0,
      "merged/layer0/head1": 0,
      "merged/layer1/head0": 0.25,
      "merged/layer1/head1": 0.5,
      "merged/layer2/head0": 0.5,
      "merged/layer2/head1": 0.75,
      "merged/layer3/head0": Math.fround(0.9),
      "merged/layer3/head1": 1,
    });
    expect(scalars(rest[1] as Buffer)).toEqual({ "evaluation/perplexity": 40.5, "evaluation/recall": 0.25 });
  });

  it("is on the disk after each event, not only at the end", () => {
    tensorboardObserver(join(folder, "run")).observe(stepEvent());
    expect(messages(names()[0] as string)).toHaveLength(2);
  });

  it("gives a resumed run a new file, which takes back the steps that are repeated", () => {
    write(startEvent(), stepEvent({ step: 1 }), stepEvent({ step: 2 }));
    write(startEvent({ step: 1 }), stepEvent({ step: 2 }));
    expect(names()).toEqual(["events.out.tfevents.1000.kvfold", "events.out.tfevents.1001.kvfold"]);
    const [, restart, step] = messages(names()[1] as string) as [Buffer, Buffer, Buffer];
    expect([stepOf(restart), ...bytesOf(restart, 7).map(fields)]).toEqual([2, [{ field: 1, value: 1 }]]);
    expect(stepOf(step)).toBe(2);
  });

  it("tells of lanes at most 500 times a run, the last step among them", () => {
    const steps = [1, 2, 19, 20, 9_999].map((step) => stepEvent({ step, steps: 9_999 }));
    write(startEvent({ steps: 9_999 }), ...steps);
    const told = messages(names()[0] as string).filter((message) => "merged/layer0/head0" in scalars(message));
    expect(told.map(stepOf)).toEqual([20, 9_999]);
  });
});
