import type { SequenceCache } from "@elastic-attention/attention";
import { MemoryScope } from "@elastic-attention/core";
import { describedRouter, type LearnedRouterDescription, type ScoringRouter } from "@elastic-attention/router";
import type { RankGroup } from "@elastic-attention/tensor";
import type { DecoderModel } from "../decoder-model.js";
import type { Prefill } from "../prefill/prefill.js";
import { decodeMessage } from "./messages.js";
import type { CacheCommand, PrefillCommand, RankCommand } from "./rank-commands.js";
import { settled } from "./settled.js";

const nothing = new Uint8Array(0);

/** A rank behind the first: it does what it is told, with its share of the model. */
export class RankFollower {
  readonly #caches = new Map<number, SequenceCache>();
  readonly #prefills = new Map<number, Prefill>();

  constructor(
    private readonly ranks: RankGroup,
    private readonly decoder: DecoderModel,
    private readonly learned: (description: LearnedRouterDescription) => ScoringRouter,
  ) {}

  /** Until the first rank is done with the model; blocks the thread. A step that fails is the first rank's to judge. */
  follow(): void {
    using owned = new MemoryScope();
    owned.track({ [Symbol.dispose]: () => this.#disposeAll() });
    for (;;) {
      const command = decodeMessage(this.ranks.allGather(nothing)[0]!) as RankCommand;
      try {
        settled(this.ranks, () => this.#execute(command));
      } catch {
        this.#failed(command);
      }
      if (command.type === "end") return;
    }
  }

  #execute(command: RankCommand): void {
    switch (command.type) {
      case "create-cache":
        this.#caches.set(command.cache, this.decoder.createCache(command.options));
        return;
      case "fork-cache":
        this.#caches.set(command.cache, this.decoder.forkCache(this.#cache(command.from)));
        return;
      case "cache":
        return this.#callCache(command);
      case "start-prefill":
        return this.#startPrefill(command);
      case "prefill-step":
        return this.#step(command.prefill);
      case "dispose-prefill":
        return this.#disposePrefill(command.prefill);
      case "decode":
        return this.decoder.readStep(command.sequences.map(({ tokens, cache }) => ({ tokens, cache: this.#cache(cache) })), () => {});
      case "accept":
        return this.decoder.accept(this.#cache(command.cache), command.token);
      case "end":
        return;
    }
  }

  /** What a failed command leaves on the first rank it leaves here. */
  #failed(command: RankCommand): void {
    if (command.type === "create-cache" || command.type === "fork-cache") {
      this.#caches.get(command.cache)?.dispose();
      this.#caches.delete(command.cache);
    }
    if (command.type === "start-prefill" || command.type === "prefill-step") this.#disposePrefill(command.prefill);
  }

  #callCache({ cache, method, argument }: CacheCommand): void {
    const target = this.#cache(cache);
    if (method === "makeRoom" || method === "undoStep") target[method](argument);
    else target[method]();
  }

  #startPrefill({ prefill, sequences, routers: descriptions, logitsRows, readsLogits }: PrefillCommand): void {
    const routers = descriptions.map((description) => describedRouter(description, this.learned));
    const started = this.decoder.startPrefill({
      sequences: sequences.map(({ tokens, cache, router, rotaryLength }) => ({
        tokens,
        cache: this.#cache(cache),
        ...(router === undefined ? {} : { router: routers[router]! }),
        ...(rotaryLength === undefined ? {} : { rotaryLength }),
      })),
      ...(logitsRows === undefined ? {} : { logitsRows }),
      ...(readsLogits ? { readLogits: () => {} } : {}),
    });
    this.#prefills.set(prefill, started);
  }

  #step(number: number): void {
    const prefill = this.#prefills.get(number)!;
    if (!prefill.step()) prefill.result.logits.dispose();
  }

  #disposePrefill(number: number): void {
    this.#prefills.get(number)?.[Symbol.dispose]();
    this.#prefills.delete(number);
  }

  #cache(number: number): SequenceCache {
    return this.#caches.get(number)!;
  }

  #disposeAll(): void {
    using scope = new MemoryScope();
    for (const cache of this.#caches.values()) scope.track(cache);
    for (const prefill of this.#prefills.values()) scope.track(prefill);
    this.#caches.clear();
    this.#prefills.clear();
  }
}
