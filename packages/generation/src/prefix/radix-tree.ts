/** What shares the tokens of a path: an edge of whole blocks, and what ends behind it. */
export interface RadixNode<Value> {
  /** Tokens from the parent to here, whole blocks. */
  readonly edge: Int32Array;
  /** Tokens from the root to here. */
  readonly depth: number;
  readonly values: Set<Value>;
  readonly children: Map<string, RadixNode<Value>>;
}

/** A value whose tokens begin as those that were looked for. */
export interface RadixMatch<Value> {
  readonly value: Value;
  /** Tokens that both begin with, whole blocks; all of the value's where the value ends on the way. */
  readonly sharedTokens: number;
}

/** Values by the tokens that lead to them. Paths part at whole blocks only; a block that several values begin with is there once. */
export class RadixTree<Value> {
  readonly #root: RadixNode<Value> = newNode(new Int32Array(0), 0);

  constructor(private readonly blockTokens: number) {}

  /** @param tokens whole blocks, at least one */
  add(tokens: Int32Array, value: Value): void {
    let node = this.#root;
    for (;;) {
      if (node.depth === tokens.length) break;
      const rest = tokens.subarray(node.depth);
      const key = this.#key(rest);
      const child = node.children.get(key);
      if (child === undefined) {
        const leaf = newNode<Value>(rest.slice(), tokens.length);
        node.children.set(key, leaf);
        node = leaf;
        continue;
      }
      const shared = this.#shared(child.edge, rest);
      node = shared === child.edge.length ? child : this.#split(node, key, child, shared);
    }
    node.values.add(value);
  }

  /** Takes a value out, and the blocks that only it had. @param tokens those that it was added with */
  remove(tokens: Int32Array, value: Value): void {
    const path: (readonly [parent: RadixNode<Value>, key: string, node: RadixNode<Value>])[] = [];
    let node = this.#root;
    while (node.depth < tokens.length) {
      const key = this.#key(tokens.subarray(node.depth));
      const child = node.children.get(key);
      if (child === undefined) return;
      path.push([node, key, child]);
      node = child;
    }
    node.values.delete(value);
    for (const [parent, key, each] of path.toReversed()) {
      if (each.values.size > 0 || each.children.size > 0) return;
      parent.children.delete(key);
    }
  }

  /** Every value that begins with at least one block of these tokens. */
  *matches(tokens: Int32Array): Generator<RadixMatch<Value>> {
    let node = this.#root;
    for (;;) {
      for (const value of node.values) yield { value, sharedTokens: node.depth };
      const rest = tokens.subarray(node.depth);
      const child = rest.length < this.blockTokens ? undefined : node.children.get(this.#key(rest));
      const shared = child === undefined ? 0 : this.#shared(child.edge, rest);
      if (child !== undefined && shared === child.edge.length) {
        node = child;
        continue;
      }
      // They part here: whatever comes behind shares what has been walked.
      const sharedTokens = node.depth + shared;
      const below = child === undefined ? node.children.values() : [child];
      if (sharedTokens > 0) for (const each of below) for (const value of valuesBelow(each)) yield { value, sharedTokens };
      return;
    }
  }

  #split(parent: RadixNode<Value>, key: string, child: RadixNode<Value>, shared: number): RadixNode<Value> {
    const middle = newNode<Value>(child.edge.slice(0, shared), parent.depth + shared);
    const edge = child.edge.slice(shared);
    middle.children.set(this.#key(edge), { ...child, edge });
    parent.children.set(key, middle);
    return middle;
  }

  #key(tokens: Int32Array): string {
    return tokens.subarray(0, this.blockTokens).join();
  }

  /** Tokens of whole blocks that both begin with. */
  #shared(a: Int32Array, b: Int32Array): number {
    const most = Math.min(a.length, b.length);
    let count = 0;
    while (count < most && a[count] === b[count]) count += 1;
    return count - (count % this.blockTokens);
  }
}

function newNode<Value>(edge: Int32Array, depth: number): RadixNode<Value> {
  return { edge, depth, values: new Set(), children: new Map() };
}

function* valuesBelow<Value>(node: RadixNode<Value>): Generator<Value> {
  yield* node.values;
  for (const child of node.children.values()) yield* valuesBelow(child);
}
