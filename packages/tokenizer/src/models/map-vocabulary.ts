import type { Description } from "../description/description.js";
import type { Vocabulary } from "./token-model.js";

const highestId = 0x7fff_fffe;

/** A vocabulary as most models have it: an object of ids by token. */
export class MapVocabulary implements Vocabulary {
  /** By id; ids far above the number of tokens are kept apart. */
  readonly #tokens: (string | undefined)[];
  readonly #farTokens = new Map<number, string>();

  constructor(private readonly ids: ReadonlyMap<string, number>) {
    const near = 2 * ids.size + 1024;
    const tokens: (string | undefined)[] = Array.from({ length: ids.size });
    for (const [token, id] of ids) {
      if (id >= near) this.#farTokens.set(id, token);
      else {
        while (tokens.length < id) tokens.push(undefined);
        tokens[id] = token;
      }
    }
    this.#tokens = tokens;
  }

  get size(): number {
    return this.ids.size;
  }

  id(token: string): number | undefined {
    return this.ids.get(token);
  }

  token(id: number): string | undefined {
    return this.#tokens[id] ?? this.#farTokens.get(id);
  }

  /** Units of the longest token. */
  longest(): number {
    let longest = 0;
    for (const token of this.ids.keys()) if (token.length > longest) longest = token.length;
    return longest;
  }
}

/** @throws TokenizerError for ids that are none, and for tokens that are no text */
export function readVocabulary(part: Description): MapVocabulary {
  const vocabulary = part.value("vocab");
  if (typeof vocabulary !== "object" || vocabulary === null || Array.isArray(vocabulary)) {
    throw part.wrong("vocab", vocabulary === undefined ? "is missing" : "is not an object");
  }
  const ids = new Map<string, number>();
  const entries = vocabulary as Readonly<Record<string, unknown>>;
  for (const token of Object.keys(entries)) {
    const id = entries[token];
    if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id > highestId) throw part.wrong("vocab", `gives the token ${quoted(token)} an id that is none`);
    if (!token.isWellFormed()) throw part.wrong("vocab", `has a token with half a character (a lone surrogate), id ${id}`);
    ids.set(token, id);
  }
  return new MapVocabulary(ids);
}

export function quoted(token: string): string {
  return JSON.stringify(token.length > 40 ? `${token.slice(0, 40)}…` : token);
}
