import { PickleMachine } from "./pickle-machine.js";
import { PICKLE_OPCODES } from "./pickle-opcodes.js";
import type { PickleValue } from "./pickle-values.js";

const STOP = 0x2e;

/** Opcodes that `torch.save` does not write, so that a message can name them. */
const REFUSED_OPCODES = new Map(
  [
    "I INT,L LONG,\x8b LONG4,S STRING,T BINSTRING,U SHORT_BINSTRING,B BINBYTES,C SHORT_BINBYTES,\x8e BINBYTES8",
    "\x96 BYTEARRAY8,\x97 NEXT_BUFFER,\x98 READONLY_BUFFER,V UNICODE,\x8c SHORT_BINUNICODE,\x8d BINUNICODE8,F FLOAT",
    "l LIST,\x8f EMPTY_SET,\x90 ADDITEMS,\x91 FROZENSET,d DICT,0 POP,1 POP_MARK,2 DUP,g GET,p PUT,\x94 MEMOIZE",
    "\x82 EXT1,\x83 EXT2,\x84 EXT4,\x93 STACK_GLOBAL,i INST,o OBJ,\x92 NEWOBJ_EX,\x95 FRAME,P PERSID",
  ]
    .flatMap((line) => line.split(","))
    .map((entry): [number, string] => [entry.charCodeAt(0), entry.slice(2)]),
);

/**
 * Reads the `data.pkl` of a torch file as data. It knows the opcodes and globals that `torch.save` of a Megatron checkpoint
 * writes; nothing is imported or called, and memory and time are bounded by the file's length.
 *
 * @param path of the torch file, for messages
 * @throws KvfoldError `pickle-refused` that names any other opcode or global, and the position
 */
export function readPickle(bytes: Uint8Array, path: string): PickleValue {
  const machine = new PickleMachine(bytes, path);
  for (let code = machine.step(); code !== STOP; code = machine.step()) {
    const run = PICKLE_OPCODES.get(code);
    if (run === undefined) {
      const hex = `0x${code.toString(16).padStart(2, "0")}`;
      return machine.fail(`it has the opcode ${REFUSED_OPCODES.get(code) ?? "without a name"} (${hex})`);
    }
    run(machine);
  }
  return machine.finish();
}
