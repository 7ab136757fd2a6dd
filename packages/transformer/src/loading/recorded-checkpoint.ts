import type { ByteRange, Checkpoint, CheckpointEntry } from "@elastic-attention/tensor";

/** A checkpoint that records which of its tensors were asked for. It is a view: closing is for the owner of the files. */
export class RecordedCheckpoint implements Checkpoint {
  readonly #asked = new Set<string>();

  constructor(private readonly checkpoint: Checkpoint) {}

  /** Tensors that nobody has asked for, in the order of the checkpoint. */
  get unread(): readonly string[] {
    return [...this.checkpoint.names].filter((name) => !this.#asked.has(name));
  }

  get path(): string {
    return this.checkpoint.path;
  }

  get names(): IterableIterator<string> {
    return this.checkpoint.names;
  }

  get byteLength(): number {
    return this.checkpoint.byteLength;
  }

  /** To ask whether a tensor is there is not to read it. */
  has(name: string): boolean {
    return this.checkpoint.has(name);
  }

  entry(name: string): CheckpointEntry {
    this.#asked.add(name);
    return this.checkpoint.entry(name);
  }

  read(name: string, range?: ByteRange): Uint8Array {
    this.#asked.add(name);
    return this.checkpoint.read(name, range);
  }

  locate(name: string): ReturnType<Checkpoint["locate"]> {
    this.#asked.add(name);
    return this.checkpoint.locate(name);
  }

  close(): void {}

  [Symbol.dispose](): void {}
}
