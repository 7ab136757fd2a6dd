import { InvalidModeError } from "@elastic-attention/core";
import { type AttentionModeDefinition, blockMaskFromHost, type CustomMode, registerAttentionMode } from "@elastic-attention/attention";

/** Local blocks, and of the blocks before them every `dilation`-th, counted from the first. */
export interface DilatedMode extends CustomMode {
  readonly kind: "dilated";
  /** Most recent blocks that are read whole, the diagonal block included. */
  readonly localBlocks: number;
  /** Distance in blocks between the earlier blocks that are read. */
  readonly dilation: number;
  /** Tokens per block. */
  readonly blockSize: number;
}

/** Whether query block `queryBlock` reads key block `keyBlock`. */
export function dilatedVisits(mode: DilatedMode, queryBlock: number, keyBlock: number): boolean {
  if (keyBlock > queryBlock) return false;
  return keyBlock > queryBlock - mode.localBlocks || keyBlock % mode.dilation === 0;
}

/** Blocks are chosen at prefill; decoding is dense, so a head in this mode keeps its whole cache. */
export const dilatedModeDefinition: AttentionModeDefinition<DilatedMode> = {
  kind: "dilated",
  label: "DA",
  validate(mode) {
    for (const setting of ["localBlocks", "dilation", "blockSize"] as const) {
      if (!Number.isSafeInteger(mode[setting]) || mode[setting] < 1) {
        throw new InvalidModeError(`dilated: ${setting} must be a whole number above 0, found ${String(mode[setting])}.`);
      }
    }
  },
  pattern: ({ blockSize }) => ({ type: "selected", blockSize }),
  decodePattern: () => ({ type: "full" }),
  retention: () => ({ type: "all" }),
  settings: ["dilation"],
  atSizes: ({ localTokens, blockSize, settings = {} }) => ({ kind: "dilated", localBlocks: Math.ceil(localTokens / blockSize), dilation: settings.dilation ?? 4, blockSize }),
  select({ mode, query, cache, keyValueHeads }) {
    const numQueryHeads = query.shape[1]!;
    const group = numQueryHeads / cache.numKeyValueHeads;
    const blocks = Math.ceil(cache.length / mode.blockSize);
    // [numQueryHeads, query block, key block]; rows of heads in other modes are never read and stay 0.
    const visited = new Uint8Array(numQueryHeads * blocks * blocks);
    for (const keyValueHead of keyValueHeads) {
      for (let head = keyValueHead * group; head < (keyValueHead + 1) * group; head++) {
        for (let row = 0; row < blocks; row++) {
          for (let column = 0; column <= row; column++) {
            if (dilatedVisits(mode, row, column)) visited[(head * blocks + row) * blocks + column] = 1;
          }
        }
      }
    }
    return blockMaskFromHost(query.backend, visited, { blockSize: mode.blockSize, numQueryHeads, keyBlocks: blocks });
  },
};

/** Makes the mode known to plans, kernels and reports, and to `--mode` as "dilated" or "fa-da". */
export function registerDilatedMode(): void {
  registerAttentionMode(dilatedModeDefinition);
}
