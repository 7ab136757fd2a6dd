import type { EvaluationRecord, RunDescription, RunEnvironment, RunSettings } from "../../src/index.js";

/** A record of the toy suite with some values of its own. */
export function record(values: Partial<EvaluationRecord>): EvaluationRecord {
  return {
    suite: "toy",
    variant: "full",
    id: "echo/40/0",
    index: 0,
    task: "echo",
    category: "Copying",
    lengthBucket: "40",
    kind: "generate",
    promptHash: "00112233aabbccdd",
    promptTokens: 40,
    newTokens: 4,
    output: "a whale",
    references: ["whale"],
    score: 1,
    finish: "length",
    truncated: false,
    modelSparsity: 0,
    effectiveSparsity: 0,
    modes: ["FA"],
    headMap: "00/00",
    prefillSeconds: 0.5,
    decodeSeconds: 0.25,
    keyValueBytes: 1000,
    fullKeyValueBytes: 1000,
    peakBytes: 5000,
    metadata: {},
    ...values,
  };
}

/** The description of a run of the toy suite with some settings of its own. */
export function describedRun(settings: Partial<RunSettings> = {}, environment: Partial<RunEnvironment> = {}): RunDescription {
  return {
    settings: {
      suites: [{ name: "toy", tasks: ["echo", "count"] }],
      model: "little <model>",
      modelHash: "9e70b462db682ed60a7574ceb9bd1c9c",
      dtype: "bf16",
      backend: "cpu",
      variants: [
        { name: "full", kind: "full" },
        { name: "fa-ssa", kind: "elastic", mode: "fa-ssa", sweep: false },
        { name: "fa-ssa@0.5", kind: "elastic", mode: "fa-ssa", sparsity: 0.5, sweep: true },
        { name: "fa-ssa@1", kind: "elastic", mode: "fa-ssa", sparsity: 1, sweep: true },
      ],
      headListHashes: [],
      modeSizes: { sinkTokens: 128, localTokens: 512 },
      seed: 42,
      chatFormat: "auto",
      strict: false,
      chainOfThought: false,
      decode: "routed",
      version: "0.1.0",
      ...settings,
    },
    environment: {
      startedAt: "2026-01-02T03:04:05.000Z",
      device: "two cores",
      node: "v20.19.0",
      platform: "linux x64",
      processor: "a processor",
      cores: 2,
      ranks: 1,
      communicator: "single process",
      parameters: 8.7e6,
      architecture: "Qwen3ForCausalLM",
      contextLength: 16_384,
      router: "static",
      numLayers: 2,
      numKeyValueHeads: 2,
      command: "elastic-attention eval toy",
      ...environment,
    },
  };
}
