import { type Backend, copySpans, type Tensor } from "@elastic-attention/tensor";

/** Spans of one copy: each is an argument of the kernel's call. */
const spansAtOnce = 4096;

/** Spans of rows, neighbours joined: triples of source row, destination row and rows. */
export class RowSpans {
  readonly #spans: number[] = [];

  add(from: number, to: number): void {
    const last = this.#spans.length - 3;
    const follows = last >= 0 && this.#spans[last]! + this.#spans[last + 2]! === from && this.#spans[last + 1]! + this.#spans[last + 2]! === to;
    if (follows) this.#spans[last + 2]! += 1;
    else this.#spans.push(from, to, 1);
  }

  /** Copies them; source and destination may be one tensor where no row is both. */
  copy(backend: Backend, source: Tensor, destination: Tensor): void {
    for (let at = 0; at < this.#spans.length; at += 3 * spansAtOnce) {
      backend.kernels.run(copySpans, { source, destination, spans: Int32Array.from(this.#spans.slice(at, at + 3 * spansAtOnce)) });
    }
  }
}
