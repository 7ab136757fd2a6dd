import { InvalidModeError } from "@elastic-attention/core";
import { hostArray } from "@elastic-attention/tensor";
import { attentionMass } from "../operations/attention-mass.js";
import type { SnapMode } from "./attention-mode.js";
import type { AttentionModeDefinition, KeepContext } from "./mode-registry.js";
import { requirePositiveInteger } from "./positive-integer.js";
import { streamingModeDefinition } from "./streaming.js";

/**
 * Chosen retention: a head reads a prompt as a streaming head does, and keeps after it, besides sink and window, the tokens that
 * the prompt's last rows attend to. Kept tokens lie behind the sink, so that to kernels they are a longer sink.
 */
export const snapModeDefinition: AttentionModeDefinition<SnapMode> = {
  kind: "snap",
  label: "SNAP",
  settings: ["kept", "rows", "pool"],
  validate(mode) {
    streamingModeDefinition.validate({ ...mode, kind: "streaming" });
    for (const setting of ["keptTokens", "scoringRows", "poolTokens"] as const) requirePositiveInteger("snap", setting, mode[setting]);
    if (mode.poolTokens % 2 === 0) throw new InvalidModeError(`snap: poolTokens must be odd, found ${mode.poolTokens}: a token and as many on each side.`);
  },
  pattern: ({ sinkTokens, localTokens, blockSize }) => streamingModeDefinition.pattern({ kind: "streaming", sinkTokens, localTokens, blockSize }),
  decodePattern: (mode) => streamingModeDefinition.pattern(afterPrompt(mode)),
  retention: (mode) => streamingModeDefinition.retention(afterPrompt(mode)),
  atSizes: ({ sinkTokens, localTokens, blockSize, settings = {} }) => ({
    kind: "snap",
    sinkTokens,
    localTokens,
    blockSize,
    keptTokens: settings.kept ?? localTokens,
    scoringRows: settings.rows ?? 32,
    poolTokens: settings.pool ?? 7,
  }),
  keep: chooseTokens,
};

/** The streaming mode that reads what was kept as a part of its sink. */
function afterPrompt({ sinkTokens, keptTokens, localTokens, blockSize }: SnapMode) {
  return { kind: "streaming", sinkTokens: firstKept({ sinkTokens, blockSize }) + wholeBlocks(keptTokens, blockSize), localTokens, blockSize } as const;
}

/** Kept tokens begin behind the blocks of the sink. */
function firstKept({ sinkTokens, blockSize }: Pick<SnapMode, "sinkTokens" | "blockSize">): number {
  return wholeBlocks(sinkTokens, blockSize);
}

function wholeBlocks(tokens: number, blockSize: number): number {
  return Math.ceil(tokens / blockSize) * blockSize;
}

/** The tokens that each head keeps; undefined where all of them stay anyway. */
function chooseTokens({ mode, query, cache, keyValueHeads, scale, softCap }: KeepContext<SnapMode>) {
  const { blockSize, localTokens, keptTokens, scoringRows, poolTokens } = mode;
  const { length } = cache;
  const first = firstKept(mode);
  // What the next token's window no longer reaches.
  const end = Math.max(0, Math.floor(length / blockSize) - Math.ceil(localTokens / blockSize) + 1) * blockSize;
  const count = wholeBlocks(keptTokens, blockSize);
  if (end - first <= count) return undefined;
  const { backend } = query;
  const rows = Math.min(scoringRows, query.shape[0]!);
  using mass = backend.allocate([keyValueHeads.length, length], "f32");
  backend.kernels.run(attentionMass, { query: query.rows(query.shape[0]! - rows, query.shape[0]!), cache, keyValueHeads, scale, softCap, mass });
  const values = hostArray(mass.download(), "f32");
  const tokens = keyValueHeads.map((_, index) => largestPooled(values.subarray(index * length, (index + 1) * length), { first, end, count, poolTokens }));
  return { first, tokens };
}

/** Positions with the largest means over their neighbourhood, ascending; of equal means the earlier ones. What is no number comes first. */
export function largestPooled(mass: ArrayLike<number>, { first, end, count, poolTokens }: { readonly first: number; readonly end: number; readonly count: number; readonly poolTokens: number }): Int32Array {
  const side = (poolTokens - 1) / 2;
  const sums = new Float64Array(mass.length + 1);
  for (let i = 0; i < mass.length; i++) sums[i + 1] = sums[i]! + (Number.isNaN(mass[i]) ? 0 : mass[i]!);
  const pooled = (position: number): number => {
    const [start, stop] = [Math.max(0, position - side), Math.min(mass.length, position + side + 1)];
    return (sums[stop]! - sums[start]!) / (stop - start);
  };
  const scores = Float64Array.from({ length: end - first }, (_, index) => (Number.isNaN(mass[first + index]) ? Infinity : pooled(first + index)));
  const order = Int32Array.from(scores, (_, index) => index).sort((a, b) => (scores[a] === scores[b] ? a - b : scores[b]! - scores[a]!));
  return order.slice(0, count).sort().map((index) => first + index);
}
