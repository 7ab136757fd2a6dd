import { type Backend, downloadFloats, type Kernel, rmsNorm, type RmsNormCall, uploadFloats } from "@elastic-attention/tensor";

/** Longest rows that it takes: it computes on the host, one number after the other. */
const mostFeatures = 1 << 16;

/**
 * Root-mean-square norm with sums in float64, for whoever wants to know what the sums of a fast kernel cost in accuracy. It runs on
 * the host and on any backend: numbers come from the tensor and go back to it, rounded once to its dtype.
 */
export const exactNormKernel: Kernel<RmsNormCall, void> = {
  name: "exact",
  supports: ({ input }) => (input.rowLength <= mostFeatures ? [] : [`rows have at most ${mostFeatures} features, not ${input.rowLength}`]),
  run({ input, weight, epsilon, output }) {
    const [values, weights] = [downloadFloats(input), downloadFloats(weight)];
    const { numRows, rowLength } = input;
    for (let row = 0; row < numRows; row++) {
      const start = row * rowLength;
      let squares = 0;
      for (let i = 0; i < rowLength; i++) squares += values[start + i]! ** 2;
      const factor = 1 / Math.sqrt(squares / rowLength + epsilon);
      for (let i = 0; i < rowLength; i++) values[start + i] = values[start + i]! * factor * weights[i]!;
    }
    uploadFloats(output, values);
  },
};

/** Prefers the kernel on a backend: a higher priority than the backend's own kernels have. */
export function preferExactNorm(backend: Backend): void {
  backend.kernels.register(rmsNorm, exactNormKernel, { priority: 10 });
}
