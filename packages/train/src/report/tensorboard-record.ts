import { maskedCrc32c } from "./crc32c.js";

/** What one record of an event file tells. */
export interface TensorboardEvent {
  /** Seconds since 1970. */
  readonly wallTime: number;
  readonly step: number;
  /** Must stand in the first record of a file: `brain.Event:2`. */
  readonly fileVersion?: string;
  /** True: what an earlier file tells about this step and later ones counts no more. */
  readonly restart?: boolean;
  readonly scalars?: Readonly<Record<string, number>>;
}

/** An event as TensorBoard reads it: a protobuf message `tensorflow.Event` in a TFRecord frame. */
export function tensorboardRecord({ wallTime, step, fileVersion, restart, scalars }: TensorboardEvent): Uint8Array {
  const message = Buffer.concat([
    double(1, wallTime),
    integer(2, step),
    ...(fileVersion === undefined ? [] : [text(3, fileVersion)]),
    ...(scalars === undefined ? [] : [delimited(5, summary(scalars))]),
    ...(restart ? [delimited(7, integer(1, 1))] : []), // SessionLog with the status START
  ]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(message.length));
  return Buffer.concat([length, checksum(length), message, checksum(message)]);
}

/** `Summary`: a repeated `Value` of a tag and a `simple_value`. */
function summary(scalars: Readonly<Record<string, number>>): Buffer {
  return Buffer.concat(
    Object.entries(scalars).map(([tag, value]) => delimited(1, Buffer.concat([text(1, tag), float(2, value)]))),
  );
}

function checksum(bytes: Uint8Array): Buffer {
  const four = Buffer.alloc(4);
  four.writeUInt32LE(maskedCrc32c(bytes));
  return four;
}

/** Numbers of the wire types of protobuf. */
const VARINT = 0;
const EIGHT_BYTES = 1;
const DELIMITED = 2;
const FOUR_BYTES = 5;

const key = (field: number, wire: number) => varint((field << 3) | wire);

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}

function integer(field: number, value: number): Buffer {
  return Buffer.concat([key(field, VARINT), varint(value)]);
}

function double(field: number, value: number): Buffer {
  const eight = Buffer.alloc(8);
  eight.writeDoubleLE(value);
  return Buffer.concat([key(field, EIGHT_BYTES), eight]);
}

function float(field: number, value: number): Buffer {
  const four = Buffer.alloc(4);
  four.writeFloatLE(value);
  return Buffer.concat([key(field, FOUR_BYTES), four]);
}

function delimited(field: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([key(field, DELIMITED), varint(bytes.length), bytes]);
}

function text(field: number, value: string): Buffer {
  return delimited(field, Buffer.from(value));
}
