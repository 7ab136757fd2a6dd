/** A kernel of the addon: its arguments packed by {@link CallArguments}. Throws TypeError, RangeError or Error. */
export type NativeKernel = (values: Float64Array) => void;

/** What every addon exports. */
export interface NativeAddon {
  allocate(values: Float64Array): number;
  release(values: Float64Array): boolean;
  write(tensor: Float64Array, data: Uint8Array): void;
  read(tensor: Float64Array, data: Uint8Array): void;
  /** Waits until all work is done, where calls return before it. */
  synchronize?(): void;
  /** Marks the end of the work issued so far, where calls return before it is done. @returns the number of the fence */
  recordFence?(values: Float64Array): number;
  fenceReached?(values: Float64Array): boolean;
  packedWeightBytes(values: Float64Array): number;
  packLinear: NativeKernel;
  linear: NativeKernel;
  rmsNorm: NativeKernel;
  headNorm: NativeKernel;
  rotary: NativeKernel;
  swiglu: NativeKernel;
  embedding: NativeKernel;
  add: NativeKernel;
  cast: NativeKernel;
  softmax: NativeKernel;
  argmax: NativeKernel;
  copySpans: NativeKernel;
  cacheAppend: NativeKernel;
  hybridAttention: NativeKernel;
  xattentionEstimate: NativeKernel;
  routerLogits: NativeKernel;
  rotaryTables: NativeKernel;
  fillNormal: NativeKernel;
  countVisitedBlocks: NativeKernel;
}
