/** Which pieces lie in which row. */
export interface PackedRows {
  /** Numbers of the pieces, row after row. */
  readonly pieces: Int32Array;
  /** Where each row begins in `pieces`, and where the last one ends: `[rows + 1]`. */
  readonly rowStarts: Int32Array;
}

/**
 * Puts pieces into rows by best fit decreasing: the longest first, each into the fullest row that has room for it. Leaves
 * little room: a packing needs at most about 11/9 of the fewest rows there are, and far less than that where short pieces
 * are many.
 *
 * @param sizes of the pieces, 1..length
 * @param length of a row
 */
export function packRows(sizes: Int32Array, length: number): PackedRows {
  const rows = new RowsByRoom(sizes.length, length);
  const rowOf = new Int32Array(sizes.length);
  for (const piece of longestFirst(sizes, length)) {
    const size = sizes[piece] as number;
    const room = rows.smallestRoom(size);
    const row = rows.take(room);
    rows.put(row, room - size);
    rowOf[piece] = row;
  }
  return groupedBy(rowOf, rows.count);
}

/** Rows in stacks, one for each number of free places. */
class RowsByRoom {
  /** Rows opened so far. */
  count = 0;
  /** Top of the stack of each room; -1: empty. */
  private readonly tops: Int32Array;
  private readonly below: Int32Array;

  constructor(
    mostRows: number,
    private readonly length: number,
  ) {
    this.tops = new Int32Array(length + 1).fill(-1);
    this.below = new Int32Array(mostRows);
  }

  /** Least room of an open row that is at least `size`; without one, that of a new row. */
  smallestRoom(size: number): number {
    let room = size;
    while (room < this.length && this.tops[room] === -1) room++;
    return room;
  }

  take(room: number): number {
    const row = this.tops[room] as number;
    if (row === -1) return this.count++;
    this.tops[room] = this.below[row] as number;
    return row;
  }

  put(row: number, room: number): void {
    this.below[row] = this.tops[room] as number;
    this.tops[room] = row;
  }
}

/** Numbers of the pieces, longest first, equally long ones in order. */
function longestFirst(sizes: Int32Array, length: number): Int32Array {
  return groupedBy(
    sizes.map((size) => length - size),
    length + 1,
  ).pieces;
}

/** Sorts by counting. */
function groupedBy(groupOf: Int32Array, groups: number): PackedRows {
  const rowStarts = new Int32Array(groups + 1);
  for (const group of groupOf) rowStarts[group + 1] = (rowStarts[group + 1] as number) + 1;
  for (let i = 1; i <= groups; i++) rowStarts[i] = (rowStarts[i] as number) + (rowStarts[i - 1] as number);
  const next = rowStarts.slice();
  const pieces = new Int32Array(groupOf.length);
  for (const [piece, group] of groupOf.entries()) {
    const at = next[group] as number;
    pieces[at] = piece;
    next[group] = at + 1;
  }
  return { pieces, rowStarts };
}
