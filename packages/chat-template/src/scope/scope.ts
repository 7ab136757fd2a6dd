import type { FunctionLayout, Reference } from "./function-layout.js";

/** What a variable of a scope begins with. */
export type Load =
  | { readonly kind: "parameter" }
  /** The value that the context has. */
  | { readonly kind: "resolve"; readonly name: string }
  /** The value of an outer scope's variable. */
  | { readonly kind: "alias"; readonly from: Reference }
  | { readonly kind: "undefined" };

/**
 * The variables of one scope, as jinja2 decides on them before anything runs: what is only read comes from outside, what
 * is set somewhere in the scope is the scope's own, with the outer value to begin with.
 */
export class Scope {
  readonly parent: Scope | undefined;
  readonly layout: FunctionLayout;
  readonly level: number;
  #references = new Map<string, Reference>();
  #loads = new Map<Reference, Load>();
  #stores = new Set<string>();

  constructor(layout: FunctionLayout, parent?: Scope) {
    this.layout = layout;
    this.parent = parent;
    this.level = parent === undefined ? 0 : parent.level + 1;
  }

  get loads(): ReadonlyMap<Reference, Load> {
    return this.#loads;
  }

  get stores(): ReadonlySet<string> {
    return this.#stores;
  }

  find(name: string): Reference | undefined {
    return this.#references.get(name) ?? this.parent?.find(name);
  }

  /** The variable is read. */
  load(name: string): void {
    if (this.find(name) === undefined) this.#define(name, { kind: "resolve", name });
  }

  /** The variable is set. */
  store(name: string): void {
    this.#stores.add(name);
    if (this.#references.has(name)) return;
    const outer = this.parent?.find(name);
    this.#define(name, outer === undefined ? { kind: "undefined" } : { kind: "alias", from: outer });
  }

  declareParameter(name: string): Reference {
    this.#stores.add(name);
    return this.#define(name, { kind: "parameter" });
  }

  #define(name: string, load: Load): Reference {
    const reference = this.layout.reference(this.level, name);
    this.#references.set(name, reference);
    this.#loads.set(reference, load);
    return reference;
  }

  /** The branches of an `if`, each of which sees what was known before it. */
  branch(visits: readonly ((scope: Scope) => void)[]): void {
    const branches = visits.map((visit) => {
      const copy = this.#copy();
      visit(copy);
      return copy;
    });
    const counts = new Map<string, number>();
    for (const branch of branches) {
      for (const name of branch.#stores) if (!this.#stores.has(name)) counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    for (const branch of branches) {
      for (const [name, reference] of branch.#references) this.#references.set(name, reference);
      for (const [reference, load] of branch.#loads) this.#loads.set(reference, load);
      for (const name of branch.#stores) this.#stores.add(name);
    }
    for (const [name, count] of counts) {
      // Where not every branch sets it, the others show the value from outside.
      if (count < branches.length) this.#loads.set(this.find(name)!, this.#outside(name));
    }
  }

  #outside(name: string): Load {
    const outer = this.parent?.find(name);
    return outer === undefined ? { kind: "resolve", name } : { kind: "alias", from: outer };
  }

  #copy(): Scope {
    const copy = new Scope(this.layout, this.parent);
    copy.#references = new Map(this.#references);
    copy.#loads = new Map(this.#loads);
    copy.#stores = new Set(this.#stores);
    return copy;
  }
}
