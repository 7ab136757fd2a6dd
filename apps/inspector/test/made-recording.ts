import type { RecordedEvent, RequestRecording } from "@elastic-attention/generation";

const heads = [[1, 1], [0, 1], []];
const pieces = Array.from({ length: 1000 }, (_, index) => ` w${index}`);

const report = {
  promptTokens: 1000,
  reusedTokens: 0,
  newTokens: 2,
  settings: undefined,
  router: "learned",
  modelSparsity: 0.75,
  effectiveSparsity: 0.5,
  modes: ["FA", "SSA"],
  retentions: [{ type: "all" }, { type: "sink-ring", sinkTokens: 100, ringTokens: 200 }],
  headMap: heads,
  windows: [null, null, 512],
  prefillSeconds: 1.5,
  prefillTokensPerSecond: 666,
  decodeTokensPerSecond: 20,
  decodeShareSeconds: 0.1,
  keyValueBytes: 1_500_000,
  fullKeyValueBytes: 6_000_000,
} as const;

const hostileText = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>";

export const madeEvents: readonly RecordedEvent[] = [
  ...heads.map((layer, index): RecordedEvent => ({ at: 0.5 * (index + 1), type: "progress", layersDone: index + 1, layersTotal: 3, promptTokens: 1000, processedTokens: Math.floor((1000 * (index + 1)) / 3), cachedTokens: 0, heads: layer })),
  { at: 1.6, type: "token", id: 5, text: "Hello " },
  { at: 1.7, type: "token", id: 6, text: hostileText },
  { at: 1.8, type: "finish", reason: "length", report: { ...report, headMap: heads, windows: [null, null, 512] } as never },
];

/** Three layers of two heads, the last with a window; its answer tries to run as HTML. */
export const madeRecording: RequestRecording = {
  format: "elastic-attention-recording",
  version: 1,
  model: {
    name: "made",
    architecture: "Qwen3ForCausalLM",
    contextLength: 4096,
    numLayers: 3,
    numQueryHeads: 4,
    numKeyValueHeads: 2,
    headDim: 64,
    dtype: "bf16",
    backend: "cpu",
    routerDescription: "learned routers",
  },
  request: { mode: "fa-ssa", sparsity: 0.75 },
  promptPieces: pieces,
  events: madeEvents,
};
