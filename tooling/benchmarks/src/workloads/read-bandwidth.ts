import { type Backend, firstNotFinite } from "@elastic-attention/tensor";

const bytes = 256 << 20;
/** Rows are shared out over the threads. */
const rows = 1 << 12;

/** Bytes a second that all threads of a backend read from memory: the best of a few passes over more than any cache holds. */
export function readBandwidth(backend: Backend, passes = 5): number {
  using input = backend.allocate([rows, (bytes >> 2) / rows], "f32");
  using output = backend.allocate([1], "i32");
  backend.write(input, new Float32Array(bytes >> 2).fill(1));
  let seconds = Infinity;
  for (let pass = 0; pass < passes; pass++) {
    const start = performance.now();
    backend.kernels.run(firstNotFinite, { input, output });
    seconds = Math.min(seconds, (performance.now() - start) / 1000);
  }
  return bytes / seconds;
}
