/** A kernel of the addon: its arguments packed by {@link CallArguments}. Throws TypeError, RangeError or Error. */
export type NativeKernel = (values: Float64Array) => void;

/** Operations of a training step; an addon has them or not, and their kernels are registered where it has. */
export interface NativeTrainingOperations {
  linearInputGradient: NativeKernel;
  rmsNormBackward: NativeKernel;
  headNormBackward: NativeKernel;
  layerNormBackward: NativeKernel;
  gatedActivationBackward: NativeKernel;
  activateBackward: NativeKernel;
  scaleBackward: NativeKernel;
  routeExpertsBackward: NativeKernel;
  combineRowsBackward: NativeKernel;
  expertLinearInputGradient: NativeKernel;
  crossEntropy: NativeKernel;
  cacheGather: NativeKernel;
  gateMix: NativeKernel;
  gateGradient: NativeKernel;
  routerLogitsBackward: NativeKernel;
}

/** Attention of a training step, likewise. */
export interface NativeTrainingAttention {
  dualAttention: NativeKernel;
  attentionBackward: NativeKernel;
}

/** What modes choose by, likewise. */
export interface NativeChoiceOperations {
  boundPages: NativeKernel;
  selectPages: NativeKernel;
  attentionMass: NativeKernel;
  blockSearch: NativeKernel;
}

/** What every addon exports, and what it may. */
export interface NativeAddon extends Partial<NativeTrainingOperations>, Partial<NativeTrainingAttention>, Partial<NativeChoiceOperations> {
  allocate(values: Float64Array): number;
  release(values: Float64Array): boolean;
  write(tensor: Float64Array, data: Uint8Array): void;
  read(tensor: Float64Array, data: Uint8Array): void;
  /**
   * Queues a copy of a tensor of at most `pendingReadBytes` to the host, where calls return before their work is done.
   * @returns the number of the read
   */
  startRead?(tensor: Float64Array): number;
  /** Waits for that copy alone. */
  finishRead?(values: Float64Array): Uint8Array;
  /** Gives up a read, finished or not, without waiting; false when there is no such read. */
  releaseRead?(values: Float64Array): boolean;
  readonly pendingReadBytes?: number;
  /** Waits until all work is done, where calls return before it. */
  synchronize?(): void;
  /** Marks the end of the work issued so far, where calls return before it is done. @returns the number of the fence */
  recordFence?(values: Float64Array): number;
  fenceReached?(values: Float64Array): boolean;
  /** Addresses for so many bytes, with no memory under them; a number as `allocate` gives it. */
  reserve?(values: Float64Array): number;
  /** Puts memory under the first bytes: (number, bytes). */
  grow?: NativeKernel;
  /** Gives the memory back and keeps the addresses: (number). */
  clear?: NativeKernel;
  packedWeightBytes(values: Float64Array): number;
  packLinear: NativeKernel;
  linear: NativeKernel;
  rmsNorm: NativeKernel;
  headNorm: NativeKernel;
  rotary: NativeKernel;
  layerNorm: NativeKernel;
  gatedActivation: NativeKernel;
  activate: NativeKernel;
  embedding: NativeKernel;
  add: NativeKernel;
  scale: NativeKernel;
  cast: NativeKernel;
  copySpans: NativeKernel;
  cacheAppend: NativeKernel;
  hybridAttention: NativeKernel;
  xattentionEstimate: NativeKernel;
  routerLogits: NativeKernel;
  routeExperts: NativeKernel;
  groupByExpert: NativeKernel;
  dispatchRows: NativeKernel;
  combineRows: NativeKernel;
  expertLinear: NativeKernel;
  rotaryTables: NativeKernel;
  fillNormal: NativeKernel;
  countVisitedBlocks: NativeKernel;
  firstNotFinite: NativeKernel;
  /** Both or neither: without them tokens are drawn on the host. */
  sampleTokens?: NativeKernel;
  logProbabilities?: NativeKernel;
  /** Fills a dense tensor from an open file: the tensor, the descriptor, the position. */
  readFile?: NativeKernel;
}

/** What every addon must have: a file without one of them is no addon for this version. */
export const requiredExports = [
  "allocate",
  "release",
  "write",
  "read",
  "packedWeightBytes",
  "packLinear",
  "linear",
  "rmsNorm",
  "headNorm",
  "rotary",
  "layerNorm",
  "gatedActivation",
  "activate",
  "embedding",
  "add",
  "scale",
  "cast",
  "copySpans",
  "cacheAppend",
  "hybridAttention",
  "xattentionEstimate",
  "routerLogits",
  "routeExperts",
  "groupByExpert",
  "dispatchRows",
  "combineRows",
  "expertLinear",
  "rotaryTables",
  "fillNormal",
  "countVisitedBlocks",
  "firstNotFinite",
] as const satisfies readonly (keyof NativeAddon)[];
