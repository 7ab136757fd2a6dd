/** Above so many units a text is changed in a buffer: the engine's own replacement keeps a record of every place. */
const shortText = 1024;

/** Replaces one UTF-16 unit of a text by another everywhere. */
export function replaceUnit(text: string, sought: string, content: string): string {
  if (text.length <= shortText) return text.replaceAll(sought, content === "$" ? "$$" : content);
  if (!text.includes(sought)) return text;
  const from = sought.charCodeAt(0);
  return replaced(text, content, (unit) => unit === from);
}

/** Replaces UTF-16 units of a set by one unit. */
export class UnitReplacer {
  readonly #sought = new Uint8Array(0x1_0000);

  /** @param sought every unit of the set. */
  constructor(
    sought: string,
    private readonly content: string,
  ) {
    for (let index = 0; index < sought.length; index++) this.#sought[sought.charCodeAt(index)] = 1;
  }

  replace(text: string): string {
    const sought = this.#sought;
    for (let index = 0; index < text.length; index++) {
      if (sought[text.charCodeAt(index)] === 1) return replaced(text, this.content, (unit) => sought[unit] === 1);
    }
    return text;
  }
}

function replaced(text: string, content: string, isSought: (unit: number) => boolean): string {
  const bytes = Buffer.from(text, "utf16le");
  const units = new Uint16Array(bytes.buffer, bytes.byteOffset, text.length);
  const to = content.charCodeAt(0);
  for (let index = 0; index < units.length; index++) if (isSought(units[index]!)) units[index] = to;
  return bytes.toString("utf16le");
}
