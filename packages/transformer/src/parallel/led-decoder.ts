import type { SequenceCache, StepSequence } from "@elastic-attention/attention";
import { ShapeError, UnsupportedRouterError } from "@elastic-attention/core";
import type { Router, RouterDescription } from "@elastic-attention/router";
import type { DecoderModel } from "../decoder-model.js";
import type { CacheOptions, SequenceCaches } from "../memory/sequence-caches.js";
import type { PrefillOptions } from "../decoder-options.js";
import type { Prefill, PrefillResult, PrefillSettings } from "../prefill/prefill.js";
import { runPrefill } from "../prefill/run-prefill.js";
import type { PrefillSequence } from "../prefill/prefill-pass.js";
import { overridden } from "./overridden.js";
import type { CacheCommand, SequenceCommand } from "./rank-commands.js";
import type { RankLeader } from "./rank-leader.js";
import { sampleLogits } from "../decode/sample-logits.js";

/** A cache of the first rank that the other ranks have too. */
interface LedCache {
  readonly number: number;
  readonly cache: SequenceCache;
}

/**
 * The first rank's decoder, used as if it were whole: everything that changes caches, and every pass over the layers, is done by
 * all ranks at once. Its spec and its figures of memory are those of the rank's share.
 *
 * Keys and values of one sequence are not reused for another on several ranks: `caches.canResume` is false.
 */
export function ledDecoder(decoder: DecoderModel, leader: RankLeader): DecoderModel {
  const led = new WeakMap<SequenceCache, LedCache>();

  const own = (cache: SequenceCache): LedCache => {
    const known = led.get(cache);
    if (known === undefined) throw new ShapeError("The cache was not made by this model.", "Make it with createCache of the decoder that reads it.");
    return known;
  };

  const leadCache = (number: number, cache: SequenceCache): SequenceCache => {
    const call = (method: CacheCommand["method"], argument = 0) =>
      leader.run({ type: "cache", cache: number, method, argument }, () => (method === "makeRoom" || method === "undoStep" ? cache[method](argument) : cache[method]()));
    const outer: SequenceCache = overridden(cache, {
      makeRoom: (tokens) => call("makeRoom", tokens),
      undoStep: (length) => call("undoStep", length),
      forgetTokens: () => call("forgetTokens"),
      dispose: () => call("dispose"),
      [Symbol.dispose]: () => call("dispose"),
      fork: (): SequenceCache => forkCache(outer),
      snapshot: () => undefined,
      requestCheckpoints: () => {},
      takeCheckpoints: () => [],
    });
    led.set(outer, { number, cache });
    return outer;
  };

  const createCache = (options: CacheOptions = {}): SequenceCache => {
    const number = leader.number();
    return leadCache(number, leader.run({ type: "create-cache", cache: number, options }, () => decoder.createCache(options)));
  };

  const forkCache = (cache: SequenceCache): SequenceCache => {
    const [number, from] = [leader.number(), own(cache)];
    return leadCache(number, leader.run({ type: "fork-cache", cache: number, from: from.number }, () => decoder.forkCache(from.cache)));
  };

  const startPrefill = (settings: PrefillSettings): Prefill => {
    const { sequences, logitsRows, readLogits, observer } = settings;
    if (observer !== undefined) throw new UnsupportedRouterError("Nobody can look on while several ranks read a prompt: each has some of the heads.", "Use one card.");
    const number = leader.number();
    const routers = [...new Set(sequences.flatMap(({ router }) => router ?? []))];
    const command = {
      type: "start-prefill",
      prefill: number,
      sequences: sequences.map((sequence): SequenceCommand => {
        const { tokens, cache, router, rotaryLength } = sequence;
        return { tokens: Int32Array.from(tokens), cache: own(cache).number, router: router === undefined ? undefined : routers.indexOf(router), rotaryLength };
      }),
      routers: routers.map(descriptionOf),
      logitsRows,
      readsLogits: readLogits !== undefined,
    } as const;
    const inner = sequences.map((sequence): PrefillSequence => ({ ...sequence, cache: own(sequence.cache).cache }));
    const prefill = leader.run(command, () => decoder.startPrefill({ ...settings, sequences: inner }));
    const dispose = () => leader.run({ type: "dispose-prefill", prefill: number }, () => prefill[Symbol.dispose]());
    const step = () => {
      try {
        return leader.run({ type: "prefill-step", prefill: number }, () => prefill.step());
      } catch (error) {
        // It may have failed on another rank alone, where it is over too.
        prefill[Symbol.dispose]();
        throw error;
      }
    };
    // The heads of a rank decide how its attention is cut: uncut, all ranks take as many steps.
    return overridden(prefill, { step, [Symbol.dispose]: dispose }, ["slicePairs"]);
  };

  const prefill = async ({ onProgress, signal, ...settings }: PrefillOptions): Promise<PrefillResult> => {
    using started = startPrefill(settings);
    return await runPrefill(started, { onProgress, signal });
  };

  const decodeBy = <Result>(sequences: readonly StepSequence[], step: (inner: readonly StepSequence[]) => Result): Result => {
    const known = sequences.map(({ tokens, cache }) => ({ tokens: Array.from(tokens), ...own(cache) }));
    const command = { type: "decode", sequences: known.map(({ tokens, number }) => ({ tokens, cache: number })) } as const;
    return leader.run(command, () => step(known));
  };
  const oneEach = (tokens: ArrayLike<number>, caches: readonly SequenceCache[]) => caches.map((cache, index) => ({ tokens: [tokens[index]!], cache }));

  const outer: DecoderModel = overridden(decoder, {
    caches: overridden(decoder.caches, { canResume: false, create: createCache, resume: refuseResume }),
    createCache,
    forkCache,
    startPrefill,
    prefill,
    decode: (tokens, caches) => decodeBy(oneEach(tokens, caches), (inner) => decoder.decode(tokens, inner.map(({ cache }) => cache))),
    readStep: (sequences, read) => decodeBy(sequences, (inner) => decoder.readStep(inner, read)),
    accept(cache, token) {
      const { number, cache: inner } = own(cache);
      leader.run({ type: "accept", cache: number, token }, () => decoder.accept(inner, token));
    },
    draftRoom: (cache) => decoder.draftRoom(own(cache).cache),
    decodeTokens: (tokens, caches, samplers) => outer.readStep(oneEach(tokens, caches), (logits) => sampleLogits(logits, samplers)),
  });
  return outer;
}

/** @throws UnsupportedRouterError */
function descriptionOf(router: Router): RouterDescription {
  const description = router.describe?.();
  if (description !== undefined) return description;
  throw new UnsupportedRouterError(`Router "${router.name}" decides on one rank only: it says nothing that another rank could make it from.`, "Use one card with it, or give it a describe().");
}

const refuseResume: SequenceCaches["resume"] = () => {
  throw new ShapeError("Several ranks do not resume sequences from snapshots.");
};
