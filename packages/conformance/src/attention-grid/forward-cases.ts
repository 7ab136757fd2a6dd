import type { FloatDType } from "@elastic-attention/tensor";
import { appendGroups, type ForwardCase, forwardAppends, full, type GridSize, selected, sliding, streaming } from "./grid-case.js";

const window = streaming(1, 16);
/** One kind of pattern on all heads, and a head of each kind. */
const patterns = [
  [full, full, full, full],
  [window, window, window, window],
  [full, window, selected, streaming(2, 1)],
  [selected, selected, selected, selected],
] as const;

/** The 604 cases of the grid at head sizes 64, 96 and 128 in bf16 and f16, or the small part of it. */
export function forwardCases({ headDims, dtypes, small = false }: GridSize): ForwardCase[] {
  const tokens = small ? [1, 127, 129, 390] : [1, 127, 128, 129, 500, 2176, 2177, 4000];
  const groups = small ? ([3, 7] as const) : appendGroups;
  const appends = small ? forwardAppends.slice(0, 3) : forwardAppends;
  const plain = { name: "", magnitude: 1, dual: false } as const;
  const largest = headDims.reduce((a, b) => Math.max(a, b));
  const smallest = headDims.reduce((a, b) => Math.min(a, b));
  const first = dtypes[0]!;
  return [
    ...headDims.flatMap((headDim) =>
      dtypes.flatMap((dtype) =>
        [false, true].flatMap((dual) =>
          tokens.flatMap((length) =>
            (small ? [patterns[2]] : patterns).map((heads) => {
              return { ...plain, headDim, group: 2, lengths: [[length, length]] as const, patterns: [heads], dtype, dual };
            }),
          ),
        ),
      ),
    ),
    ...appends.flatMap((append) =>
      groups.map((group) => {
        return { ...plain, name: "append", headDim: largest, group, lengths: [append], patterns: [[full, streaming(1, 4)]], dtype: first };
      }),
    ),
    ...(smallest < largest ? appends : []).map((append) => {
      return { ...plain, name: "append", headDim: smallest, group: 2, lengths: [append], patterns: [[full, streaming(1, 4), streaming(2, 1, 256), streaming(0, 1)]], dtype: first };
    }),
    ...termsCases(headDims, dtypes, small),
    ...(small ? [] : [false, true]).flatMap((dual) =>
      [1, 30].map((magnitude) => ({
        name: magnitude === 1 ? "batch" : `batch of magnitude ${magnitude}`,
        headDim: largest,
        group: 4,
        lengths: [[700, 700], [1, 1], [2500, 2500], [129, 1000]] as const,
        patterns: [[full, window], [window, window], [streaming(1, 3), full], [selected, streaming(1, 2, 256)]],
        dtype: first,
        magnitude,
        dual,
      })),
    ),
  ];
}

/** What models fix for their layers: exact windows, soft caps, sinks; each alone, then all of them. */
function termsCases(headDims: readonly number[], dtypes: readonly FloatDType[], small: boolean): ForwardCase[] {
  const sinkLogits = [0.5, -3, 4, -Infinity, 60, 1];
  const windows = [full, sliding(100), sliding(128), sliding(1)] as const;
  const terms: readonly (Partial<ForwardCase> & Pick<ForwardCase, "patterns">)[] = [
    { patterns: [windows] },
    { patterns: [[sliding(129), sliding(300), sliding(1000), sliding(127)]] },
    { patterns: [[full, window, selected, streaming(2, 1)]], softCap: 2 },
    { patterns: [[full, window, selected, streaming(2, 1)]], sinkLogits },
    { patterns: [windows], sinkLogits, softCap: 20, magnitude: 4, dual: true },
  ];
  const lengths = small ? ([[150, 150], [70, 203]] as const) : ([[129, 129], [500, 500], [2177, 2177], [1, 700], [113, 203], [300, 1001]] as const);
  return headDims.flatMap((headDim) =>
    dtypes.flatMap((dtype) =>
      terms.flatMap((term) => lengths.map((length) => ({ name: "terms", magnitude: 1, dual: false, headDim, group: 2, lengths: [length], dtype, ...term }))),
    ),
  );
}
