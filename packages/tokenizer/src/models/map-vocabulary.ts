import type { Description } from "../description/description.js";
import { Stretch, TokenTable } from "./token-table.js";
import type { Vocabulary } from "./token-model.js";

const highestId = 0x7fff_fffe;
const sought = new Stretch();

/** A vocabulary as most models have it: an object of ids by token. */
export class MapVocabulary implements Vocabulary {
  readonly size: number;
  /** Units of the longest token. */
  readonly longest: number;
  readonly #table: TokenTable;
  /** By id; ids far above the number of tokens are kept apart. */
  readonly #tokens: (string | undefined)[];
  readonly #farTokens = new Map<number, string>();

  constructor(tokens: readonly string[], ids: Int32Array) {
    this.size = tokens.length;
    this.#table = new TokenTable(tokens, ids);
    this.longest = this.#table.longest;
    const near = 2 * tokens.length + 1024;
    const byId: (string | undefined)[] = Array.from({ length: tokens.length });
    for (let place = 0; place < tokens.length; place++) {
      const id = ids[place]!;
      if (id >= near) this.#farTokens.set(id, tokens[place]!);
      else {
        while (byId.length < id) byId.push(undefined);
        byId[id] = tokens[place];
      }
    }
    this.#tokens = byId;
  }

  id(token: string): number | undefined {
    const id = this.find(sought.set(token));
    return id < 0 ? undefined : id;
  }

  /** The id of the token of two stretches, one behind the other; -1 when there is none. */
  find(first: Stretch, second?: Stretch): number {
    return this.#table.find(first, second);
  }

  token(id: number): string | undefined {
    return this.#tokens[id] ?? this.#farTokens.get(id);
  }

  /** Every token with its id. */
  forEach(visit: (token: string, id: number) => void): void {
    this.#tokens.forEach((token, id) => {
      if (token !== undefined) visit(token, id);
    });
    this.#farTokens.forEach(visit);
  }
}

/** @throws TokenizerError for ids that are none, and for tokens that are no text */
export function readVocabulary(part: Description): MapVocabulary {
  const vocabulary = part.value("vocab");
  if (typeof vocabulary !== "object" || vocabulary === null || Array.isArray(vocabulary)) {
    throw part.wrong("vocab", vocabulary === undefined ? "is missing" : "is not an object");
  }
  const entries = vocabulary as Readonly<Record<string, unknown>>;
  const tokens = Object.keys(entries);
  const ids = new Int32Array(tokens.length);
  for (let place = 0; place < tokens.length; place++) {
    const token = tokens[place]!;
    const id = entries[token];
    if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id > highestId) throw part.wrong("vocab", `gives the token ${quoted(token)} an id that is none`);
    if (!token.isWellFormed()) throw part.wrong("vocab", `has a token with half a character (a lone surrogate), id ${id}`);
    ids[place] = id;
  }
  return new MapVocabulary(tokens, ids);
}

export function quoted(token: string): string {
  return JSON.stringify(token.length > 40 ? `${token.slice(0, 40)}…` : token);
}
