import { MemoryScope } from "@elastic-attention/core";
import { type LogProbabilitiesCall, logProbabilities, ReferenceBackend, sampleTokens, type SampleTokensCall, type Tensor } from "@elastic-attention/tensor";

/** Computes for backends without a kernel; it holds nothing between two calls. */
const host = new ReferenceBackend();

/** {@link sampleTokens} by its reference kernel, over copies on the host. */
export function sampleOnHost({ logits, rows, output }: SampleTokensCall): void {
  using copies = new HostCopies();
  const tokens = copies.of(output);
  const copied = rows.map((row) => ({ ...row, seen: copies.of(row.seen), counts: copies.of(row.counts), bias: copies.of(row.bias), mask: copies.of(row.mask) }));
  host.kernels.run(sampleTokens, { logits: copies.of(logits), rows: copied, output: tokens });
  copies.writeBack(output);
  for (const { seen, counts } of rows) for (const changed of [seen, counts]) copies.writeBack(changed);
}

/** {@link logProbabilities}, likewise. */
export function tellOnHost({ logits, tokens, top, values, topTokens }: LogProbabilitiesCall): void {
  using copies = new HostCopies();
  const [copiedValues, copiedTokens] = [copies.of(values), copies.of(topTokens)];
  host.kernels.run(logProbabilities, { logits: copies.of(logits), tokens: copies.of(tokens), top, values: copiedValues, topTokens: copiedTokens });
  copies.writeBack(values);
  copies.writeBack(topTokens);
}

/** Copies of tensors for one call. */
class HostCopies implements Disposable {
  readonly #scope = new MemoryScope();
  readonly #copies = new Map<Tensor, Tensor>();

  of(tensor: Tensor): Tensor;
  of(tensor: Tensor | undefined): Tensor | undefined;
  of(tensor: Tensor | undefined): Tensor | undefined {
    if (tensor === undefined) return undefined;
    const copy = this.#scope.track(host.upload(tensor.download(), tensor.shape, tensor.dtype));
    this.#copies.set(tensor, copy);
    return copy;
  }

  writeBack(tensor: Tensor | undefined): void {
    if (tensor !== undefined) tensor.backend.write(tensor, this.#copies.get(tensor)!.download());
  }

  [Symbol.dispose](): void {
    this.#scope.dispose();
  }
}
