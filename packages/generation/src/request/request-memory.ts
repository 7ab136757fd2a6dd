import { OutOfMemoryError } from "@elastic-attention/core";
import type { SequenceCache } from "@elastic-attention/attention";
import type { DecoderModel, MemoryPrediction } from "@elastic-attention/transformer";
import type { CheckedRequest } from "./checked-request.js";
import type { ExpectedSparsity } from "./expected-sparsity.js";
import type { RoutingReport } from "./generation-request.js";
import type { RequestRouting } from "./request-routing.js";

/** Room for new tokens that is made at once; a longer answer grows the cache. */
const maximumReserve = 1024;

/** Predicts what a request will need, each figure once. */
export class RequestMemory {
  /** Tokens that its cache makes room for beyond the prompt. */
  readonly reserveTokens: number;
  /** Whether the router alone knows how many heads it will make sparse. */
  readonly #hasUnknownSparsity: boolean;
  readonly #predictions = new Map<string, MemoryPrediction>();

  constructor(
    private readonly decoder: DecoderModel,
    private readonly request: CheckedRequest,
    private readonly routing: RequestRouting,
    private readonly sparsity: ExpectedSparsity,
    /** Tokens of the prompt that a cached prefix holds now. */
    private readonly heldTokens: () => number,
  ) {
    const { router } = routing;
    this.reserveTokens = Math.min(request.maxNewTokens, maximumReserve);
    this.#hasUnknownSparsity = router !== undefined && router.modes.length > 1 && router.expectedSparseHeads === undefined;
  }

  /** Bytes that the request will need, as far as one can tell: what it shares with a cached prefix is there already. */
  get expectedBytes(): number {
    const { tokens } = this.request;
    const held = this.heldTokens();
    const { requestBytes } = this.#predict(this.sparsity.mean, tokens.length - held);
    // A router that is asked about all of it reads the keys of one layer.
    return requestBytes + this.decoder.fullKeyValueBytes(held) / (2 * this.decoder.spec.numLayers) + this.#copiesBytes(this.sparsity.mean);
  }

  /** The same if its router makes every head sparse. */
  get leastBytes(): number {
    return this.#predict(1).requestBytes + this.#copiesBytes(1);
  }

  /** Bytes of the keys and values of its cache, and what they would be with every head full. */
  held(cache: SequenceCache): Pick<RoutingReport, "keyValueBytes" | "fullKeyValueBytes"> {
    return { keyValueBytes: cache.byteLength, fullKeyValueBytes: this.decoder.fullKeyValueBytes(cache.capacity) };
  }

  /** The router has decided. @param assignment [layer][kvHead]: 0 is the retrieval mode */
  learn(assignment: readonly (readonly number[])[]): void {
    if (this.#hasUnknownSparsity) this.sparsity.add(assignment);
  }

  /** @throws OutOfMemoryError when the request could not fit even alone */
  requireThatItCanFit(): void {
    const { backend } = this.decoder;
    // Where the router decides, what is needed at least: all of its heads sparse.
    const { requestBytes, weightBytes, tableBytes } = this.#predict(1);
    const { limitBytes } = backend.memory();
    if (weightBytes + tableBytes + requestBytes <= limitBytes) return;
    throw new OutOfMemoryError(backend.name, requestBytes, weightBytes + tableBytes, limitBytes, "this request");
  }

  /** What the request's other answers add: their own tokens, and, without pages, copies of the prompt's. */
  #copiesBytes(sparsity: number): number {
    const { count, tokens } = this.request;
    return count === 1 ? 0 : (count - 1) * this.#predict(sparsity, this.decoder.pagePool === undefined ? tokens.length : 1).keyValueBytes;
  }

  /** @param sparsity what to reckon with where the router cannot say @param length tokens to read; default: as if nothing were cached */
  #predict(sparsity: number, length = this.request.tokens.length): MemoryPrediction {
    const share = this.#hasUnknownSparsity ? sparsity : undefined;
    const key = `${share} ${length}`;
    const known = this.#predictions.get(key);
    if (known !== undefined) return known;
    const { decode } = this.request;
    const { router } = this.routing;
    const prediction = this.decoder.predictMemory({ sequences: [{ tokens: length, reserveTokens: this.reserveTokens, decode, router, sparsity: share }] });
    this.#predictions.set(key, prediction);
    return prediction;
  }
}
