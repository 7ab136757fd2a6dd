/** A matrix of four-bit integers, unpacked, with a scale and a zero point for each group of inputs. */
export interface GroupedIntegers {
  readonly rows: number;
  readonly columns: number;
  /** Groups of a row. */
  readonly groups: number;
  /** [rows, columns]. */
  readonly integers: Uint8Array;
  /** [rows, groups]. */
  readonly zeros: Uint8Array;
  /** [rows, groups]. */
  readonly scales: Float32Array;
  /** The group of each column. */
  readonly groupOf: Int32Array;
}

/** value = (integer − zero) · scale, rounded once. @param values [rows, columns] */
export function dequantizeGroups({ rows, columns, groups, integers, zeros, scales, groupOf }: GroupedIntegers, values: Float32Array): void {
  for (let row = 0, at = 0; row < rows; row++) {
    const groupsAt = row * groups;
    for (let column = 0; column < columns; column++, at++) {
      const group = groupsAt + groupOf[column]!;
      values[at] = (integers[at]! - zeros[group]!) * scales[group]!;
    }
  }
}

/** Eight nibbles of each word, the lowest first, one after another along rows of words. @param words [rows, columns / 8] */
export function unpackAlongRows(words: Int32Array): Uint8Array {
  const integers = new Uint8Array(words.length * 8);
  for (let word = 0, at = 0; word < words.length; word++) {
    for (let shift = 0; shift < 32; shift += 4) integers[at++] = (words[word]! >>> shift) & 15;
  }
  return integers;
}

/**
 * Eight nibbles of each word, the lowest first, one below another, turned round: what GPTQ keeps as [inputs / 8, outputs].
 * @param words [inputs / 8, outputs]
 * @returns [outputs, inputs]
 */
export function unpackAlongColumns(words: Int32Array, outputs: number): Uint8Array {
  const integers = new Uint8Array(words.length * 8);
  const inputs = integers.length / outputs;
  for (let word = 0; word < words.length; word++) {
    const [input, output] = [Math.floor(word / outputs) * 8, word % outputs];
    for (let i = 0; i < 8; i++) integers[output * inputs + input + i] = (words[word]! >>> (4 * i)) & 15;
  }
  return integers;
}

/** [rows, columns] turned round. */
export function transposed<T extends Uint8Array | Int32Array | Float32Array>(matrix: T, rows: number, columns: number): T {
  const result = matrix.slice() as T;
  for (let row = 0, at = 0; row < rows; row++) for (let column = 0; column < columns; column++) result[column * rows + row] = matrix[at++]!;
  return result;
}

/** Where AWQ has put the columns of each eight: nibble i of a word holds this one. */
const awqColumns = [0, 2, 4, 6, 1, 3, 5, 7];

/** Eights of integers in the order in which AWQ packs them, put into that of columns. */
export function awqOrdered(integers: Uint8Array): Uint8Array {
  const ordered = new Uint8Array(integers.length);
  for (let at = 0; at < integers.length; at += 8) for (let i = 0; i < 8; i++) ordered[at + awqColumns[i]!] = integers[at + i]!;
  return ordered;
}
