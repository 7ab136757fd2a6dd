import { type Backend, copySpans, type Tensor } from "@elastic-attention/tensor";

/** Spans of one copy: each is an argument of the kernel's call. */
const spansAtOnce = 4096;

/** Spans of rows, neighbours joined: triples of source row, destination row and rows. */
export class RowSpans {
  readonly #spans: number[] = [];

  /** @param count rows that follow one another on both sides */
  add(from: number, to: number, count = 1): void {
    const last = this.#spans.length - 3;
    const follows = last >= 0 && this.#spans[last]! + this.#spans[last + 2]! === from && this.#spans[last + 1]! + this.#spans[last + 2]! === to;
    if (follows) this.#spans[last + 2]! += count;
    else this.#spans.push(from, to, count);
  }

  /** The triples, as many at a time as one call takes. */
  *calls(): Generator<Int32Array> {
    for (let at = 0; at < this.#spans.length; at += 3 * spansAtOnce) yield Int32Array.from(this.#spans.slice(at, at + 3 * spansAtOnce));
  }

  /** Copies them; source and destination may be one tensor where no row is both. */
  copy(backend: Backend, source: Tensor, destination: Tensor): void {
    for (const spans of this.calls()) backend.kernels.run(copySpans, { source, destination, spans });
  }
}
