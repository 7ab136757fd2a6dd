import { OutOfMemoryError } from "@elastic-attention/core";
import { expect } from "vitest";
import type { GenerationEvent, GenerationRequest, LocalEngine, LocalEngineOptions } from "../../src/index.js";
import { eventsOf, type FailingBackend, withRunningEngine } from "../doubles/running-engine.js";
import type { TinyModelOptions } from "../doubles/tiny-model.js";

/** Has a model with random weights write a few tokens over and over, in an order of its own: some guesses are right, some wrong. */
export const fewWords = Object.fromEntries([301, 302, 303, 304, 305].map((token) => [token, 100]));

/** What a reader sees of the answers, one after the other: every token with its text and its chances, and the end. */
export function seen(events: readonly GenerationEvent[]): unknown[] {
  const ofAnswers = events.flatMap((event) => (event.type === "progress" ? [] : [event])).toSorted((a, b) => a.answer - b.answer);
  return ofAnswers.map((event) => {
    if (event.type === "token") return event;
    const { answer, reason, stopText, text } = event;
    return { answer, reason, stopText, text };
  });
}

/** What readers of several requests at once see. */
export async function seenTogether(engine: LocalEngine, requests: readonly GenerationRequest[]): Promise<unknown[][]> {
  return await Promise.all(requests.map(async (request) => seen(await eventsOf(engine, request))));
}

/** The same requests, each alone and all at once, without drafts and with them: nobody sees a difference. @returns drafted tokens and those that were right */
export async function expectSameText(options: TinyModelOptions, isPaged: boolean, requests: readonly GenerationRequest[], settings: Partial<LocalEngineOptions> = {}): Promise<{ drafted: number; accepted: number }> {
  const run = async (engine: LocalEngine) => {
    const alone: unknown[] = [];
    for (const request of requests) alone.push(...(await seenTogether(engine, [request])));
    return { alone, together: await seenTogether(engine, requests) };
  };
  let plain: unknown;
  await withRunningEngine(options, {}, async (engine) => void (plain = await run(engine)), isPaged);
  const counts = { drafted: 0, accepted: 0 };
  await withSpeculation(options, settings, isPaged, async (engine) => {
    expect(await run(engine)).toEqual(plain);
    const { draftedTokens, acceptedTokens } = await engine.report();
    Object.assign(counts, { drafted: draftedTokens, accepted: acceptedTokens });
  });
  return counts;
}

/** Has one allocation fail, after so many others. @returns whether it has, and there is memory again from here on */
export function failOnce(backend: FailingBackend, after: number): () => boolean {
  const allocate = backend.allocate.bind(backend);
  let left = after;
  backend.allocate = (shape, dtype) => {
    if (left-- === 0) throw new OutOfMemoryError(backend.name, 1, backend.memory().liveBytes, Infinity);
    return allocate(shape, dtype);
  };
  return () => {
    backend.allocate = allocate;
    return left < 0;
  };
}

export function withSpeculation(options: TinyModelOptions, settings: Partial<LocalEngineOptions>, isPaged: boolean, work: (engine: LocalEngine, backend: FailingBackend) => Promise<void>): Promise<void> {
  return withRunningEngine(options, { speculate: "ngram", ...settings }, work, isPaged);
}
