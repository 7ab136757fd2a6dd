import { setImmediate } from "node:timers/promises";
import type { Fence } from "@elastic-attention/tensor";
import type { Prefill, PrefillResult } from "./prefill.js";

export interface RunPrefillOptions {
  readonly onProgress?: ((layersDone: number, layersTotal: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Steps through a prefill to its end, with a turn of the event loop after every layer. @throws the signal's reason */
export async function runPrefill(prefill: Prefill, { onProgress, signal }: RunPrefillOptions): Promise<PrefillResult> {
  const fences: Fence[] = [];
  let layersDone = 0;
  while (prefill.step()) {
    signal?.throwIfAborted();
    if (prefill.layersDone === layersDone) continue;
    layersDone = prefill.layersDone;
    // On a GPU the calls of a layer return long before its work is done: one layer ahead is enough, and an abort
    // then ends within one.
    fences.push(prefill.fence());
    if (fences.length > 1) await fences.shift()!.wait();
    onProgress?.(layersDone, prefill.layersTotal);
    await setImmediate();
    signal?.throwIfAborted();
  }
  return prefill.result;
}
