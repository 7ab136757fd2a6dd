import { type AttentionMode, HeadPlan } from "@elastic-attention/attention";
import type { Router, RouterInput } from "../router.js";
import type { RouterDescription } from "../router-description.js";

/** Sends every head of every layer to one mode: full attention, or one sparse mode everywhere. */
export class ConstantRouter implements Router {
  readonly name = "constant";
  readonly modes: readonly AttentionMode[];
  readonly #index: number;

  /** @param retrievalMode when `mode` is a sparse one: the mode it is measured against, so that MSR counts it. */
  constructor(
    private readonly mode: AttentionMode,
    private readonly retrievalMode?: AttentionMode,
  ) {
    this.modes = retrievalMode === undefined ? [mode] : [retrievalMode, mode];
    this.#index = this.modes.length - 1;
  }

  route({ keys, offsets }: RouterInput): HeadPlan {
    const row = new Uint8Array(keys.shape[1]!).fill(this.#index);
    return HeadPlan.fromHost(this.modes, Array.from({ length: offsets.length - 1 }, () => row));
  }

  expectedSparseHeads(numLayers: number, numKeyValueHeads: number): readonly number[] {
    return Array.from({ length: numLayers }, () => (this.#index === 0 ? 0 : numKeyValueHeads));
  }

  describe(): RouterDescription {
    const { mode, retrievalMode } = this;
    return { kind: "constant", mode, ...(retrievalMode === undefined ? {} : { retrievalMode }) };
  }

  [Symbol.dispose](): void {}
}
