/** Disposes what it was given, last first, when the scope ends: `using scope = new MemoryScope()`. */
export class MemoryScope implements Disposable {
  #resources: Disposable[] = [];

  /** Hands a resource to the scope and returns it. */
  track<T extends Disposable>(resource: T): T {
    this.#resources.push(resource);
    return resource;
  }

  /** Takes everything out, so that ending this scope frees nothing; the returned scope owns it now. */
  move(): MemoryScope {
    const moved = new MemoryScope();
    moved.#resources = this.#resources;
    this.#resources = [];
    return moved;
  }

  /** Disposes everything, also when a resource throws; the first error is thrown at the end. */
  dispose(): void {
    const errors: unknown[] = [];
    for (let resource = this.#resources.pop(); resource !== undefined; resource = this.#resources.pop()) {
      try {
        resource[Symbol.dispose]();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
