import { appendGroups, backwardAppends, type BackwardCase, full, type GridSize, selected, streaming } from "./grid-case.js";

const window = streaming(1, 4);
const mixed = [full, window, selected, streaming(2, 1)] as const;
const allFull = [full, full, full, full] as const;
const allWindow = [window, window, window, window] as const;
const allSelected = [selected, selected, selected, selected] as const;

/** The 195 cases of the grid at head sizes 64, 96 and 128 in bf16 and f16, or the small part of it. */
export function backwardCases({ headDims, dtypes, small = false }: GridSize): BackwardCase[] {
  const tokens = small ? [1, 65, 129] : [1, 63, 64, 65, 127, 128, 129, 500, 2176, 2177];
  const largest = headDims.reduce((a, b) => Math.max(a, b));
  const first = dtypes[0]!;
  const plain = { name: "", magnitude: 1, accumulate: false, deterministic: false } as const;
  const patternsOf = (length: number) => {
    if (small) return [mixed];
    return length === 2177 ? [allFull, allWindow, allSelected, mixed] : [allFull, mixed];
  };
  const types = headDims.flatMap((headDim) => dtypes.map((dtype) => ({ headDim, dtype, gradientDType: dtype })));
  return [
    { ...plain, name: "one tile", headDim: largest, dtype: first, gradientDType: first, group: 1, lengths: [[128, 128]], patterns: [[full]] },
    ...types.flatMap((type) =>
      tokens.flatMap((length) =>
        patternsOf(length).map((heads) => ({ ...plain, ...type, group: 2, lengths: [[length, length]] as const, patterns: [heads] })),
      ),
    ),
    ...types.flatMap((type) =>
      [false, true].flatMap((deterministic) =>
        [false, true].map((accumulate) => ({
          ...plain,
          ...type,
          name: `${accumulate ? "added to" : "written as"} f32${deterministic ? ", deterministic" : ""}`,
          gradientDType: "f32" as const,
          group: 2,
          lengths: [small ? ([70, 90] as const) : ([700, 900] as const)],
          patterns: [mixed],
          accumulate,
          deterministic,
        })),
      ),
    ),
    ...(small ? backwardAppends.slice(0, 2) : backwardAppends).flatMap((append) =>
      (small ? [3] : appendGroups).map((group) => {
        return { ...plain, name: "append", headDim: largest, dtype: first, gradientDType: first, group, lengths: [append], patterns: [[full, window]] };
      }),
    ),
    ...(small ? [] : headDims.filter((headDim) => headDim === 128 || headDim === 64)).flatMap((headDim) =>
      [false, true].flatMap((deterministic) =>
        [1, 8].map((magnitude) => ({
          ...plain,
          name: `batch${magnitude === 1 ? "" : ` of magnitude ${magnitude}`}${deterministic ? ", deterministic" : ""}`,
          headDim,
          dtype: first,
          gradientDType: first,
          group: 4,
          lengths: [[700, 700], [1, 1], [1500, 1500], [129, 1000]] as const,
          patterns: [[full, window], [window, window], [streaming(1, 3), full], [selected, streaming(1, 2, 256)]],
          magnitude,
          deterministic,
        })),
      ),
    ),
  ];
}
