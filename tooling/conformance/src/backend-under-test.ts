import type { Backend, FloatDType } from "@elastic-attention/tensor";

/** A native backend that is compared with the reference backend. */
export interface BackendUnderTest {
  /** Appears in the names of the tests. */
  readonly name: string;
  /** Types that its kernels compute with. */
  readonly dtypes: readonly FloatDType[];
  create(): Backend;
}
