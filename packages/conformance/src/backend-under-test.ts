import type { Backend, FloatDType } from "@elastic-attention/tensor";

/** A native backend that is compared with the reference backend. */
export interface BackendUnderTest {
  /** Appears in the names of the tests. */
  readonly name: string;
  /** Types that its kernels compute with. */
  readonly dtypes: readonly FloatDType[];
  /** Whether both sides of dual attention come from the kernel of hybrid attention, bit for bit. */
  readonly dualEqualsHybrid?: boolean;
  create(): Backend;
}
