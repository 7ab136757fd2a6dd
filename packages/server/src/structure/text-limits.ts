import { isObject, referredTo, type SchemaNode } from "./schema/schema-node.js";
import { longestText } from "./schema/text-rules.js";

/** JSON that an answer may hold: behind which text it begins, and the schema that it is under. */
export interface LimitedPart {
  /** Empty: the answer begins with it. */
  readonly head: string;
  readonly schema: SchemaNode;
}

/** An object or a list that is being written, and the schemas that it may be under. */
interface Frame {
  readonly isObject: boolean;
  readonly nodes: readonly SchemaNode[];
  /** Schemas of the value that comes next. */
  next: readonly SchemaNode[];
  index: number;
  expectsName: boolean;
}

/**
 * Counts the characters of texts whose `maxLength` is long: a grammar would have a state for each of them, and each state costs as much
 * as the vocabulary is large. Where an answer may be under several schemas, the shortest of their limits holds.
 */
export class TextLimits {
  readonly #longestHead: number;
  #root: SchemaNode | undefined;
  #frames: Frame[] = [];
  #tail = "";
  #text: { length: number; isEscaped: boolean; written: string; readonly isName: boolean; readonly limit: number } | undefined;

  private constructor(
    private readonly parts: readonly LimitedPart[],
    private readonly areBytes: boolean,
  ) {
    this.#longestHead = Math.max(...parts.map(({ head }) => head.length));
    this.restart();
  }

  /**
   * @param areBytes whether the vocabulary writes each byte beyond ASCII as a character
   * @returns undefined where no text is so long that it has to be counted here
   */
  static of(parts: readonly LimitedPart[], areBytes: boolean): TextLimits | undefined {
    return parts.some(({ schema }) => hasLongLimit(schema)) ? new TextLimits(parts, areBytes) : undefined;
  }

  /**
   * Whether a token may come where so many characters are left: none of it is too long, and an escape that it begins can end.
   * @param text of the token, as the vocabulary writes it
   */
  fits(text: string, left: number): boolean {
    const inside = /^(?:[^"\\]|\\.?)*/s.exec(text)![0];
    let length = 0;
    for (const character of inside) length += weightOf(character, this.areBytes);
    return length + (inside.includes("\\") ? longestEscape : 0) <= left;
  }

  /** Characters that the text that is being written may still have; undefined: as many as it likes. */
  get left(): number | undefined {
    return this.#text === undefined || this.#text.limit === Infinity ? undefined : Math.max(0, this.#text.limit - this.#text.length);
  }

  restart(): void {
    this.#tail = "";
    this.#begin(this.parts.find(({ head }) => head === "")?.schema);
  }

  /** The answer goes on with a token's text. */
  push(text: string): void {
    for (const character of text) {
      if (this.#text === undefined) this.#outside(character);
      else this.#inside(character);
    }
  }

  #begin(root: SchemaNode | undefined): void {
    this.#root = root;
    this.#frames = [];
    this.#text = undefined;
  }

  #inside(character: string): void {
    const text = this.#text!;
    if (text.isEscaped) {
      text.isEscaped = false;
      text.written += character;
    } else if (character === '"') this.#endText();
    else {
      text.isEscaped = character === "\\";
      text.length += weightOf(character, this.areBytes);
      text.written += character;
    }
    this.#remember(character);
  }

  #endText(): void {
    const { isName, written } = this.#text!;
    this.#text = undefined;
    const frame = this.#frames.at(-1);
    if (isName && frame !== undefined) frame.next = propertiesOf(frame.nodes, written).flatMap((node) => this.#plain(node));
  }

  #outside(character: string): void {
    this.#remember(character);
    const head = this.parts.find((part) => part.head !== "" && this.#tail.endsWith(part.head));
    if (head !== undefined) {
      this.#tail = "";
      return this.#begin(head.schema);
    }
    if (this.#root === undefined) return;
    const frame = this.#frames.at(-1);
    const nodes = frame === undefined ? this.#plain(this.#root) : frame.next;
    if (character === "{" || character === "[") {
      const isObject = character === "{";
      this.#frames.push({ isObject, nodes, next: isObject ? [] : this.#items(nodes, 0), index: 0, expectsName: isObject });
    } else if (character === '"') {
      const isName = frame?.expectsName === true;
      this.#text = { length: 0, isEscaped: false, written: "", isName, limit: isName ? Infinity : Math.min(...nodes.map(longestText), Infinity) };
    } else if (character === ":" && frame !== undefined) frame.expectsName = false;
    else if (character === "," && frame !== undefined) {
      frame.expectsName = frame.isObject;
      frame.index += 1;
      if (!frame.isObject) frame.next = this.#items(frame.nodes, frame.index);
    } else if (character === "}" || character === "]") {
      this.#frames.pop();
      if (this.#frames.length === 0 && this.parts.some(({ head }) => head !== "")) this.#root = undefined;
    }
  }

  #remember(character: string): void {
    if (this.#longestHead > 0) this.#tail = (this.#tail + character).slice(-this.#longestHead);
  }

  #items(nodes: readonly SchemaNode[], index: number): SchemaNode[] {
    return nodes.flatMap(({ prefixItems, items }) => this.#plain(Array.isArray(prefixItems) && index < prefixItems.length ? prefixItems[index] : items));
  }

  /** The schemas that a schema stands for: what it refers to, and its alternatives. */
  #plain(schema: unknown, depth = 0): SchemaNode[] {
    if (!isObject(schema) || depth > 32) return [];
    if (typeof schema["$ref"] === "string") return this.#plain(referredTo(this.#root, schema["$ref"]), depth + 1);
    const alternatives = schema["anyOf"] ?? schema["oneOf"] ?? schema["allOf"];
    return Array.isArray(alternatives) ? alternatives.flatMap((part) => this.#plain(part, depth + 1)) : [schema];
  }
}

/** Longer than what may still come of an escape. */
const longestEscape = 6;

/** Bytes within a character count for nothing. */
function weightOf(character: string, areBytes: boolean): number {
  const codePoint = character.codePointAt(0)!;
  if (!areBytes) return codePoint === 0x80 ? 0 : 1;
  // Bytes from 0x80 to 0xBF: those that can be printed as they are, others from U+0122 on.
  return (codePoint >= 0x80 && codePoint <= 0xbf) || (codePoint >= 0x122 && codePoint <= 0x143) ? 0 : 1;
}

/** Schemas of a property; of a name that is written in a way of its own, those of all. */
function propertiesOf(nodes: readonly SchemaNode[], written: string): unknown[] {
  return nodes.flatMap(({ properties, patternProperties, additionalProperties }) => {
    const known = isObject(properties) ? properties : {};
    if (Object.hasOwn(known, written)) return [known[written]];
    const others = [...(isObject(patternProperties) ? Object.values(patternProperties) : []), additionalProperties];
    return /^[ -~]*$/.test(written) && !written.includes("\\") ? others : [...Object.values(known), ...others];
  });
}

function hasLongLimit(schema: unknown): boolean {
  if (Array.isArray(schema)) return schema.some(hasLongLimit);
  return isObject(schema) && (longestText(schema) < Infinity || Object.values(schema).some(hasLongLimit));
}
