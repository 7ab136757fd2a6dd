import { LocalEngine, type LocalEngineOptions } from "../../src/index.js";
import { FailingBackend } from "./running-engine.js";
import { type TinyModelOptions, writeTinyModel } from "./tiny-model.js";

/** An engine whose keys and values lie in pages, over a tiny model with room for long prompts. All memory must come back. */
export async function withPagedEngine(
  options: TinyModelOptions,
  settings: Partial<LocalEngineOptions>,
  work: (engine: LocalEngine, backend: FailingBackend) => Promise<void>,
): Promise<void> {
  using folder = writeTinyModel({ contextLength: 1500, ...options });
  using backend = new FailingBackend(true);
  const engine = await LocalEngine.load({ path: folder.path, backend, ...settings });
  await work(engine, backend);
  await engine[Symbol.asyncDispose]();
  if (backend.memory().liveAllocations !== 0) throw new Error(`${backend.memory().liveAllocations} allocations are left.`);
}
