import { DeviceError } from "@elastic-attention/core";
import { type DType, type Fence, type MemoryReport, type PendingDownload, ReferenceBackend, type Storage, Tensor } from "@elastic-attention/tensor";
import { Tokenizer } from "../../src/index.js";
import type { Detokenizer } from "../../src/text/detokenizer.js";

/** Counts calls and lets one of them fail. */
export class Fault {
  calls = 0;
  /** The call that fails, counted from 0; undefined: none. */
  at: number | undefined;
  /** What was called then. */
  hit: string | undefined;

  /** Whether every call after that one fails too. */
  lasts = false;

  /** Counts from here. */
  arm(at: number | undefined, lasts = false): void {
    this.calls = 0;
    this.at = at;
    this.hit = undefined;
    this.lasts = lasts;
  }

  /** @throws what `make` gives, at the call that fails */
  count(operation: string, make: () => Error): void {
    const call = this.calls++;
    if (this.at === undefined || call < this.at || (call > this.at && !this.lasts)) return;
    this.hit ??= operation;
    throw make();
  }
}

/** Memory whose release can fail: it is gone all the same. */
class FaultyStorage implements Storage {
  constructor(
    private readonly storage: Storage,
    private readonly released: () => void,
  ) {}

  get handle(): unknown {
    return this.storage.handle;
  }

  get byteLength(): number {
    return this.storage.byteLength;
  }

  get disposed(): boolean {
    return this.storage.disposed;
  }

  dispose(): void {
    if (this.disposed) return;
    this.storage.dispose();
    this.released();
  }
}

/** A reference backend any call of which can fail, waits for its fences among them. */
export class FaultyBackend extends ReferenceBackend {
  constructor(private readonly fault: Fault) {
    super();
    const { kernels } = this;
    const run = kernels.run.bind(kernels);
    kernels.run = (operation, call) => {
      this.#count(operation.name);
      return run(operation, call);
    };
  }

  override allocate(shape: readonly number[], dtype: DType): Tensor {
    this.#count("allocate");
    const { storage } = super.allocate(shape, dtype);
    return new Tensor(this, new FaultyStorage(storage, () => this.#count("release")), shape, dtype);
  }

  override write(tensor: Tensor, data: ArrayBufferView): void {
    this.#count("write");
    super.write(tensor, data);
  }

  override download(tensor: Tensor): Uint8Array {
    this.#count("download");
    return super.download(tensor);
  }

  override startDownload(tensor: Tensor): PendingDownload {
    this.#count("startDownload");
    return super.startDownload(tensor);
  }

  override fence(): Fence {
    this.#count("fence");
    return { wait: async () => this.#count("fence.wait") };
  }

  override memory(): MemoryReport {
    this.#count("memory");
    return super.memory();
  }

  #count(operation: string): void {
    this.fault.count(operation, () => new DeviceError(this.name, operation, "injected"));
  }
}

/** A tokenizer any call of which can fail, with an error that is not of this project. */
export class FaultyTokenizer extends Tokenizer {
  fault: Fault | undefined;

  override encode(text: string, options: { readonly addSpecialTokens?: boolean } = {}): Int32Array {
    this.fault?.count("encode", () => new Error("injected"));
    return super.encode(text, options);
  }

  override decode(ids: Iterable<number>, options: { readonly skipSpecialTokens?: boolean } = {}): string {
    this.fault?.count("decode", () => new Error("injected"));
    return super.decode(ids, options);
  }

  override detokenizer(...given: Parameters<Tokenizer["detokenizer"]>): Detokenizer {
    const count = (operation: string) => this.fault?.count(operation, () => new Error("injected"));
    count("detokenizer");
    const made = super.detokenizer(...given);
    const [push, flush] = [made.push.bind(made), made.flush.bind(made)];
    made.push = (id) => {
      count("detokenizer.push");
      return push(id);
    };
    made.flush = () => {
      count("detokenizer.flush");
      return flush();
    };
    return made;
  }
}
