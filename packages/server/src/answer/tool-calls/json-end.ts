/** Finds where an object of JSON ends in a text that comes in pieces. */
export class JsonEnd {
  #depth = 0;
  #isString = false;
  #isEscaped = false;

  /** @returns the place behind the object's last bracket in this piece; undefined: it goes on */
  find(piece: string): number | undefined {
    for (let index = 0; index < piece.length; index++) {
      const character = piece[index]!;
      if (this.#isString) this.#inString(character);
      else if (character === '"') this.#isString = true;
      else if (character === "{" || character === "[") this.#depth += 1;
      else if (character === "}" || character === "]") {
        this.#depth -= 1;
        if (this.#depth === 0) return index + 1;
      }
    }
    return undefined;
  }

  #inString(character: string): void {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (character === "\\") this.#isEscaped = true;
    else if (character === '"') this.#isString = false;
  }
}
