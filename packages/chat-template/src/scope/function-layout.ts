/** A variable's place: a slot in the frames of one function of the template. */
export interface Reference {
  readonly layout: FunctionLayout;
  readonly slot: number;
  readonly name: string;
}

/**
 * The slots of one function: the template itself, a macro, the body of a call block, a block, a recursive loop. A name at a
 * nesting level has one slot, however many scopes of that level there are: so it is in the Python code that jinja2
 * makes, and closures can tell.
 */
export class FunctionLayout {
  readonly #references = new Map<string, Reference>();

  constructor(readonly parent: FunctionLayout | undefined) {}

  get slotCount(): number {
    return this.#references.size;
  }

  reference(level: number, name: string): Reference {
    const key = `${level} ${name}`;
    let reference = this.#references.get(key);
    if (reference === undefined) {
      reference = { layout: this, slot: this.#references.size, name };
      this.#references.set(key, reference);
    }
    return reference;
  }
}
