import type { DropOp, Step } from "@kvfold/kv-cache";
import type { CudaBackend } from "../backend/cuda-backend.js";
import type { LaneList } from "./lane-list.js";
import type { StepNumbers } from "./step-numbers.js";
import { dropSelect } from "./store-kernels.js";

/** In the order of `DropRule` of native/kernels/args/lane-work.h. */
const rules = ["drop-range", "drop-below", "drop-lowest", "drop-lowest-of-row"];

const most = 2 ** 31 - 1;
const wholeNumber = (value: number) => (value > 0 ? Math.min(Math.floor(value), most) : 0);

/** Chooses on the device what stays, and moves it to the front of each lane. */
export function dropEntries(
  backend: CudaBackend,
  list: LaneList,
  step: Step,
  numbers: StepNumbers,
  op: DropOp,
  kvHeads: number,
): void {
  const { engine } = backend;
  const lanes = list.lanesOf(step.rows);
  const wanted = op.op === "drop-range" ? op.keepLast : op.op === "drop-lowest" ? op.keep : 0;
  const keep = step.rows.map((_, row) => wholeNumber(typeof wanted === "number" ? wanted : (wanted[row] ?? 0)));
  const boundsBehind = () =>
    lanes.map((lane, i) => {
      const bound = list.bounds.at(lane);
      const kept = keep[Math.floor(i / kvHeads)] as number;
      if (op.op === "drop-range") return Math.min(bound, wholeNumber(op.from) + kept);
      return op.op === "drop-lowest" && op.scope !== "row" ? Math.min(bound, kept) : bound;
    });
  const bounds = boundsBehind();
  // a recorded step must do for all lengths that the lists of pages have room for
  const longest = Math.max(1, ...lanes.map((lane) => list.bounds.at(lane)));
  const orderSlots = backend.recorder.recording ? list.slots : longest;
  backend.recorder.relyOn(
    () => list.footing,
    () => {
      const now = boundsBehind();
      list.memory.ensure(list.pagesFor(now));
      list.shorten(lanes, now);
    },
  );
  const [keeps, order, lengths] = [
    backend.scratch(4 * keep.length),
    backend.scratch(4 * lanes.length * orderSlots),
    backend.scratch(4 * lanes.length),
  ];
  engine.upload(keeps.address, Int32Array.from(keep));
  const ofRow = op.op === "drop-lowest" && op.scope === "row";
  const scores = op.op === "drop-range" ? undefined : op.scores;
  const whole = scores?.dtype === "int32";
  const address = scores === undefined ? 0 : backend.address(scores);
  const values = {
    lengths: list.lengthsAddress,
    rows: numbers.rows,
    scores: whole ? 0 : address,
    intScores: whole ? address : 0,
    keep: keeps.address,
    order: order.address,
    newLengths: lengths.address,
    kvHeads,
    slots: scores?.shape[2] ?? 0,
    orderSlots,
    rule: rules.indexOf(ofRow ? "drop-lowest-of-row" : op.op),
    from: op.op === "drop-range" ? wholeNumber(op.from) : 0,
    threshold: op.op === "drop-below" ? op.threshold : 0,
  };
  engine.launch(dropSelect, values, { grid: [ofRow ? step.rows.length : lanes.length], block: [256] });
  list.rearrange(step.rows, numbers.rows, { order: order.address, orderSlots, newLengths: lengths.address, bounds });
  if (op.op === "drop-below" || ofRow) list.exact = false;
  for (const block of [keeps, order, lengths]) engine.pool.give(block);
}
