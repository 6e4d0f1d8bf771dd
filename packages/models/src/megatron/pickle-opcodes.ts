import { quoted } from "@kvfold/core";
import { PICKLE_GLOBALS, persistentStorage } from "./pickle-globals.js";
import { LARGE_COST, type PickleMachine } from "./pickle-machine.js";
import { describePickle, PickleDict, PickleGlobal, PickleObject, type PickleValue } from "./pickle-values.js";

/** Protocol of `torch.save`. */
const PROTOCOL = 2;

type Run = (machine: PickleMachine) => void;

/** The opcodes that `torch.save` writes, and what they do to the machine. STOP is not here: it ends the reading. */
const LISTED: readonly (readonly [code: string, run: Run])[] = [
  ["\x80", readProtocol],
  ["(", (machine) => machine.mark()],
  ["N", (machine) => machine.push(null)],
  ["\x88", (machine) => machine.push(true)],
  ["\x89", (machine) => machine.push(false)],
  ["J", (machine) => machine.push(machine.i32())],
  ["K", (machine) => machine.push(machine.u8())],
  ["M", (machine) => machine.push(machine.u16())],
  ["\x8a", (machine) => machine.push(machine.integer(machine.u8()))],
  ["G", (machine) => machine.push(machine.f64())],
  ["X", (machine) => pushNew(machine, machine.text(machine.u32()))],
  [")", (machine) => pushNew(machine, [])],
  ["\x85", (machine) => pushTuple(machine, 1)],
  ["\x86", (machine) => pushTuple(machine, 2)],
  ["\x87", (machine) => pushTuple(machine, 3)],
  ["t", (machine) => pushNew(machine, machine.popToMark())],
  ["]", (machine) => pushNew(machine, [])],
  ["a", (machine) => append(machine, [machine.pop()])],
  ["e", (machine) => append(machine, machine.popToMark())],
  ["}", (machine) => pushNew(machine, new PickleDict(), LARGE_COST)],
  ["s", (machine) => setItems(machine, [machine.pop(), machine.pop()].reverse())],
  ["u", (machine) => setItems(machine, machine.popToMark())],
  ["q", (machine) => machine.remember(machine.u8())],
  ["r", (machine) => machine.remember(machine.u32())],
  ["h", (machine) => machine.recall(machine.u8())],
  ["j", (machine) => machine.recall(machine.u32())],
  ["c", pushGlobal],
  ["R", reduce],
  ["\x81", newObject],
  ["b", build],
  ["Q", (machine) => pushNew(machine, persistentStorage(machine.pop(), machine.fail))],
];

/** By byte. */
export const PICKLE_OPCODES: ReadonlyMap<number, Run> = new Map(
  LISTED.map(([code, run]): [number, Run] => [code.charCodeAt(0), run]),
);

function readProtocol(machine: PickleMachine): void {
  const protocol = machine.u8();
  if (protocol !== PROTOCOL) machine.fail(`it has protocol ${protocol}; torch.save writes ${PROTOCOL}`);
}

function pushNew(machine: PickleMachine, value: PickleValue, cost = 1): void {
  machine.spend(cost);
  machine.push(value);
}

function pushTuple(machine: PickleMachine, length: number): void {
  const values = new Array<PickleValue>(length);
  for (let i = length - 1; i >= 0; i--) values[i] = machine.pop();
  pushNew(machine, values);
}

function append(machine: PickleMachine, values: readonly PickleValue[]): void {
  const list = machine.top();
  if (!Array.isArray(list)) machine.fail(`it appends to ${describePickle(list)}`);
  for (const value of values) list.push(value);
}

/** Keys and values in turns. */
function setItems(machine: PickleMachine, items: readonly PickleValue[]): void {
  const dict = machine.top();
  if (!(dict instanceof PickleDict)) machine.fail(`it sets items of ${describePickle(dict)}`);
  if (items.length % 2 !== 0) machine.fail("a dict has a key without a value");
  for (let i = 0; i < items.length; i += 2) dict.entries.set(items[i] as PickleValue, items[i + 1] as PickleValue);
}

function pushGlobal(machine: PickleMachine): void {
  const [module, name] = [machine.line(), machine.line()];
  const full = `${module}.${name}`;
  const rule = PICKLE_GLOBALS.get(full);
  if (rule === undefined) {
    machine.fail(`it names ${quoted(full)}, which no Megatron checkpoint needs and which may stand for any code`);
  }
  pushNew(machine, new PickleGlobal(full, rule), LARGE_COST);
}

function reduce(machine: PickleMachine): void {
  const args = machine.pop();
  const callable = machine.pop();
  const call = callable instanceof PickleGlobal ? callable.rule.call : undefined;
  if (call === undefined) machine.fail(`it calls ${describePickle(callable)}, which is no function`);
  if (!Array.isArray(args)) machine.fail(`it calls a function with ${describePickle(args)}`);
  pushNew(machine, call(args, machine.fail), LARGE_COST);
}

function newObject(machine: PickleMachine): void {
  const args = machine.pop();
  const type = machine.pop();
  const create = type instanceof PickleGlobal ? type.rule.create : undefined;
  if (create === undefined) machine.fail(`it makes an object of ${describePickle(type)}, which is no class`);
  if (!Array.isArray(args) || args.length > 0) machine.fail(`it makes an object with ${describePickle(args)}`);
  pushNew(machine, create());
}

/** Gives an object its state. The attributes of an ordered dict (versions of modules) are of no use here. */
function build(machine: PickleMachine): void {
  const state = machine.pop();
  const object = machine.top();
  if (object instanceof PickleObject) object.state = state;
  else if (!(object instanceof PickleDict)) machine.fail(`it gives a state to ${describePickle(object)}`);
}
