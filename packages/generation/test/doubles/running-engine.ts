import { OutOfMemoryError } from "@elastic-attention/core";
import { type Backend, CopiedTensor, type DType, type PendingDownload, ReferenceBackend, type Tensor } from "@elastic-attention/tensor";
import { type Engine, type GenerationEvent, type GenerationRequest, LocalEngine, type LocalEngineOptions } from "../../src/index.js";
import { type TinyModelOptions, writeTinyModel } from "./tiny-model.js";

/** A backend whose next allocations, downloads that are started among them, can be made to fail. */
export class FailingBackend extends ReferenceBackend {
  /** Allocations that still succeed; undefined: all. */
  allowed: number | undefined;
  /** Allocations that fail from now on, one after the other; then there is memory again. */
  failNext = 0;
  /** Only where keys and values are to lie in pages. */
  declare reserve?: NonNullable<Backend["reserve"]>;

  constructor(isPaged = false) {
    super();
    if (isPaged) this.reserve = (maximumRows, rowLength, dtype) => new CopiedTensor(this, maximumRows, rowLength, dtype);
  }

  override allocate(shape: readonly number[], dtype: DType): Tensor {
    this.#count();
    return super.allocate(shape, dtype);
  }

  override startDownload(tensor: Tensor): PendingDownload {
    this.#count();
    return super.startDownload(tensor);
  }

  #count(): void {
    const fails = this.failNext > 0;
    if (fails) this.failNext -= 1;
    if (!fails && (this.allowed === undefined || this.allowed-- > 0)) return;
    const { liveBytes, limitBytes } = this.memory();
    throw new OutOfMemoryError(this.name, 1, liveBytes, limitBytes);
  }
}

/** An engine over a tiny model on a failing backend, its memory counted: what requests take must come back. */
export async function withRunningEngine(
  options: TinyModelOptions,
  settings: Partial<LocalEngineOptions>,
  work: (engine: LocalEngine, backend: FailingBackend) => Promise<void>,
  isPaged = false,
): Promise<void> {
  using folder = writeTinyModel(options);
  using backend = new FailingBackend(isPaged);
  const engine = await LocalEngine.load({ path: folder.path, backend, ...settings });
  await work(engine, backend);
  await engine[Symbol.asyncDispose]();
  if (backend.memory().liveAllocations !== 0) throw new Error(`${backend.memory().liveAllocations} allocations are left.`);
}

export async function eventsOf(engine: Engine, request: GenerationRequest): Promise<GenerationEvent[]> {
  const all: GenerationEvent[] = [];
  for await (const event of engine.generate(request)) all.push(event);
  return all;
}

export type Finish = Extract<GenerationEvent, { type: "finish" }>;

/** Token ids of an answer, and how it ended. */
export async function answer(engine: Engine, request: GenerationRequest): Promise<{ tokens: number[]; finish: Finish }> {
  const events = await eventsOf(engine, request);
  const finish = events.at(-1)!;
  if (finish.type !== "finish") throw new Error(`the last event is ${finish.type}`);
  return { tokens: events.flatMap((event) => (event.type === "token" ? [event.id] : [])), finish };
}

/** Reproducible plain tokens of the tiny model's tokenizer. */
export function someTokens(count: number, seed = 1): Int32Array {
  return Int32Array.from({ length: count }, (_, index) => 300 + ((index * 7919 + seed * 104729) % 3000));
}
