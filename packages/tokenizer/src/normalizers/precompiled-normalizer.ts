import { separates } from "../unicode/plain-characters.js";
import type { Normalizer, Origin } from "./normalizer.js";

/** Longest run of bytes that is looked up as a whole. */
const longestGrapheme = 6;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** A table of replacements as sentencepiece compiles it: a double array of byte strings, and the texts that it points at. */
export class PrecompiledNormalizer implements Normalizer {
  readonly #units: Uint32Array;
  readonly #texts: Uint8Array;
  readonly #known = new Map<string, string | undefined>();

  /**
   * @param table the bytes of `precompiled_charsmap`.
   * @throws RangeError for a table that is cut off
   */
  constructor(table: Uint8Array) {
    const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
    const bytes = table.byteLength < 4 ? -1 : view.getUint32(0, true);
    if (bytes < 0 || bytes % 4 !== 0 || 4 + bytes > table.byteLength) throw new RangeError("the table is cut off");
    this.#units = Uint32Array.from({ length: bytes / 4 }, (_, index) => view.getUint32(4 + 4 * index, true));
    this.#texts = table.subarray(4 + bytes);
  }

  normalize(text: string, origin: Origin): string {
    let result = "";
    for (let start = 0; start < text.length; ) {
      let end = start + 1;
      while (end < text.length && !separates(text, end)) end++;
      const part = text.slice(start, end);
      // Finding graphemes takes far longer than looking them up.
      for (const grapheme of part.length === 1 ? part : graphemesOf(part)) {
        const replaced = this.#replaced(grapheme);
        if (start === 0 && result === "" && replaced === "") origin.atStart = false;
        result += replaced;
      }
      start = end;
    }
    return result;
  }

  #replaced(grapheme: string): string {
    const short = grapheme.length === 1 || encoder.encode(grapheme).length < longestGrapheme;
    const whole = short ? this.#found(grapheme) : undefined;
    if (whole !== undefined) return whole;
    let result = "";
    for (const character of grapheme) result += this.#found(character) ?? character;
    return result;
  }

  /** What the shortest beginning in the table is replaced by: the reference looks no further. */
  #found(text: string): string | undefined {
    if (this.#known.has(text)) return this.#known.get(text);
    const found = this.#lookUp(encoder.encode(text));
    if (this.#known.size < 100_000) this.#known.set(text, found);
    return found;
  }

  #lookUp(key: Uint8Array): string | undefined {
    const units = this.#units;
    let position = 0;
    let unit = units[0] ?? 0;
    position ^= offsetOf(unit);
    for (const byte of key) {
      if (byte === 0) return undefined;
      position ^= byte;
      unit = units[position] ?? 0x8000_0000;
      if (((unit & 0x8000_00ff) >>> 0) !== byte) return undefined;
      position ^= offsetOf(unit);
      if (((unit >>> 8) & 1) === 1) return this.#textAt((units[position] ?? 0) & 0x7fff_ffff);
    }
    return undefined;
  }

  #textAt(start: number): string {
    const end = this.#texts.indexOf(0, start);
    return decoder.decode(this.#texts.subarray(start, end < 0 ? this.#texts.length : end));
  }
}

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

function graphemesOf(text: string): string[] {
  return Array.from(graphemes.segment(text), ({ segment }) => segment);
}

function offsetOf(unit: number): number {
  return (unit >>> 10) << ((unit & (1 << 9)) >>> 6);
}
