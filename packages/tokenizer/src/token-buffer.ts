import { TokenLimitError } from "./token-limit-error.js";

/** Token ids as they come, up to a limit. */
export class TokenBuffer {
  #ids = new Int32Array(256);
  #length = 0;

  /** @param limit how many ids are wanted at most; more are counted up to one above it. */
  constructor(readonly limit: number) {}

  get length(): number {
    return this.#length;
  }

  /** @throws TokenLimitError behind the limit */
  push(id: number): void {
    if (this.#length === this.#ids.length) {
      const grown = new Int32Array(2 * this.#length);
      grown.set(this.#ids);
      this.#ids = grown;
    }
    this.#ids[this.#length++] = id;
    if (this.#length > this.limit) this.refuse();
  }

  /** How many more ids are wanted. */
  get room(): number {
    return this.limit - this.#length;
  }

  /** Ends the encoding: more ids are sure to come than there is room for. @throws TokenLimitError always */
  refuse(): never {
    throw new TokenLimitError(this.limit);
  }

  pushAll(ids: ArrayLike<number>): void {
    for (let index = 0; index < ids.length; index++) this.push(ids[index]!);
  }

  ids(): Int32Array {
    return this.#ids.slice(0, this.#length);
  }
}
