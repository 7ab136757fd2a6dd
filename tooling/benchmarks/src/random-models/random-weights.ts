import { fromBFloat16, toBFloat16 } from "@elastic-attention/tensor";

/** Entries of the table of normal values that rows draw from. */
const tableSize = 1 << 16;
/** Standard deviation of the weights, that of a freshly initialised Llama. */
const deviation = 0.02;

/** Normal values, exact in bf16: `patterns[i]` is the bf16 pattern of `values[i]`. */
export interface NormalTable {
  readonly values: Float32Array;
  readonly patterns: Uint16Array;
}

let table: NormalTable | undefined;

/** The table, the same in every process. */
export function normalTable(): NormalTable {
  if (table !== undefined) return table;
  const patterns = new Uint16Array(tableSize);
  let state = 1;
  const uniform = () => {
    state = xorshift(state);
    return ((state >>> 0) + 0.5) / 2 ** 32;
  };
  for (let i = 0; i < tableSize; i++) {
    patterns[i] = toBFloat16(deviation * Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()));
  }
  return (table = { values: Float32Array.from(patterns, fromBFloat16), patterns });
}

/** Fills `row` with table indices: the same for a name and row number in whatever format they are written. */
export function fillRow(name: string, rowNumber: number, row: Uint16Array): void {
  let state = 2166136261 ^ rowNumber;
  for (let i = 0; i < name.length; i++) state = Math.imul(state ^ name.charCodeAt(i), 16777619);
  state = Math.imul(state ^ (rowNumber + 1), 2246822519) || 1;
  for (let i = 0; i < row.length; i++) {
    state = xorshift(state);
    row[i] = state >>> 13;
  }
}

function xorshift(state: number): number {
  let next = state ^ (state << 13);
  next ^= next >>> 17;
  return next ^ (next << 5);
}
