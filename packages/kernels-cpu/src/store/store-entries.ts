/** A store or a snapshot inside the addon. */
export type StoreHandle = object;

/**
 * `native/entries/store-entries.cc` and `store-step-entries.cc`. A step is rows, real tokens of each and positions of their
 * first tokens in one Int32Array, and the length of the token axis. Columns pass as the bits of their numbers.
 */
export interface StoreEntries {
  /** `native/entries/dmc-entries.cc` */
  dmcDecide(
    q: Float32Array,
    k: Float32Array,
    rows: number,
    group: number,
    kvHeads: number,
    tokens: number,
    headDim: number,
    channel: number,
    offset: number,
    edge: number,
    epsilon: number,
    least: number,
    merge: Float32Array,
    omega: Float32Array,
  ): void;

  /** `codec` by its place in `entryCodecs`; a window of 0 merges whole segments. */
  storeNew(
    queryHeads: number,
    kvHeads: number,
    headDim: number,
    codec: number,
    pageSlots: number,
    columns: number,
    positionColumn: number | undefined,
    untilColumn: number | undefined,
    merges: boolean,
    window: number,
    rotatesAtWrite: boolean,
  ): StoreHandle;
  storeDispose(handle: StoreHandle): void;
  storeSnapshot(store: StoreHandle): StoreHandle;
  storeRestore(store: StoreHandle, snapshot: StoreHandle): void;
  /** -1 is a new empty row. */
  storeSelectRows(store: StoreHandle, rows: Int32Array): void;
  storeCrop(store: StoreHandle, entries: Int32Array): void;
  /** Fills in the entries of every lane; returns the most that all together ever held. */
  storeLengths(store: StoreHandle, lengths: Int32Array): number;
  /** Bytes that only this one holds, bytes of state, then address and bytes of each page that is shared. */
  storeBytes(handle: StoreHandle): Float64Array;
  /** Bytes of all pages in use in this process. */
  pagedBytes(): number;
  storeExport(store: StoreHandle, ...content: StoreContent): void;
  storeImport(store: StoreHandle, lengths: Int32Array, ...content: StoreContent): void;

  storeAppend(...call: [...StoreWrite, until?: Int32Array, previousUntil?: Int32Array]): void;
  storeMerge(...call: [...StoreWrite, merge: Float32Array, omega: Float32Array]): void;
  storeOverwrite(...call: [...StoreWrite, slots: Int32Array]): void;
  storeFinish(store: StoreHandle): void;
  storeDropRange(store: StoreHandle, step: Int32Array, tokens: number, from: number, keepLast: Int32Array): void;
  storeDropBelow(...call: [...StoreScores, threshold: number]): void;
  storeDropLowest(...call: [...StoreScores, keep: Int32Array, overRow: boolean]): void;
  storeAttend(
    store: StoreHandle,
    step: Int32Array,
    tokens: number,
    q: Float32Array,
    cos: Float32Array | undefined,
    sin: Float32Array | undefined,
    half: number,
    blank: number,
    blankFirstOnly: boolean,
    scale: number,
    window: number,
    sinks: number,
    recent: number,
    massQueries: number,
    turned: Float32Array,
    out: Float32Array,
    mass: Float32Array | undefined,
    massSlots: number,
    readCos: Float32Array | undefined,
    readSin: Float32Array | undefined,
    positions: number,
    readHalf: number,
    readBlank: number,
    bySlot: boolean,
  ): void;
  storeColumn(
    store: StoreHandle,
    step: Int32Array,
    tokens: number,
    column: number,
    slots: number,
    out: Int32Array,
  ): void;
  storeSetColumn(
    store: StoreHandle,
    step: Int32Array,
    tokens: number,
    column: number,
    slots: number,
    values: Int32Array,
  ): void;
  storeEntries(
    store: StoreHandle,
    step: Int32Array,
    tokens: number,
    values: boolean,
    slots: number,
    out: Float32Array,
  ): void;
}

/** Everything that a store holds, lane after lane. */
export type StoreContent = [
  keys: Float32Array,
  values: Float32Array,
  sums: Float32Array | undefined,
  counts: Float32Array | undefined,
  ...columns: Int32Array[],
];

/** New tokens; `blank` is -1 when keys lose no channel. */
export type StoreWrite = [
  store: StoreHandle,
  step: Int32Array,
  tokens: number,
  k: Float32Array,
  v: Float32Array,
  cos: Float32Array | undefined,
  sin: Float32Array | undefined,
  half: number,
  blank: number,
];

/** Scores `[rows, kvHeads, slots]`, in one of two types. */
export type StoreScores = [
  store: StoreHandle,
  step: Int32Array,
  tokens: number,
  floats: Float32Array | undefined,
  ints: Int32Array | undefined,
  slots: number,
];
