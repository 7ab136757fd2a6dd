import { SampleError } from "@elastic-attention/core";
import type { Haystack } from "../texts/haystack.js";
import { type Draft, type DraftRequest, requireRoom } from "../tokens/fit-samples.js";

const frame = { before: "Here is the beginning of a text.\n\n", after: "\n\nContinue the text." };
/** Characters of a text's continuation that are scored. */
const continuedCharacters = 200;

/** A text but for its end, and how it goes on: the near past is mostly enough for it. @throws SampleError */
export function continuationDraft(name: string, haystack: Haystack, request: DraftRequest): Draft {
  const { counter, random } = request;
  const room = roomFor(name, request);
  const { sentences, tokens } = haystack.take(counter, room + frameTokens(request), random.integer(haystack.sentences.length));
  const text = sentences.join(" ");
  const cut = text.lastIndexOf(" ", text.length - continuedCharacters);
  const prompt = frame.before + text.slice(0, cut) + frame.after;
  const kept = tokens - counter.measure(text.slice(cut));
  return { prompt, answerPrefix: "", references: [text.slice(cut + 1)], tokens: frameTokens(request) + kept, metadata: { text: haystack.source } };
}

/** Sentences before the end among which the last word does not stand: it is to be known from further back. */
const nearSentences = 8;
const tries = 2000;

/**
 * The last word of a passage (as LAMBADA asks for it) that stands earlier in it, and not in the sentences just before: the last
 * sentence is begun, its last word is asked for.
 *
 * @throws SampleError for a text without such passages
 */
export function lastWordDraft(name: string, haystack: Haystack, request: DraftRequest): Draft {
  const { counter, random } = request;
  const room = roomFor(name, request);
  for (let attempt = 0; attempt < tries; attempt++) {
    const at = random.integer(haystack.sentences.length);
    const [, start, word] = /^(.{30,200}) ([a-zA-Z]{4,})[.!?]$/.exec(haystack.sentences[at]!) ?? [];
    if (start === undefined || word === undefined) continue;
    const own = counter.measure(` ${start}`);
    const { sentences, tokens } = haystack.takeBefore(counter, room - own, at);
    // Too near the beginning of the text to fill the room.
    if (tokens < 0.9 * (room - own)) continue;
    const isNamed = (parts: readonly string[]) => parts.join(" ").includes(` ${word}`);
    if (isNamed(sentences.slice(-nearSentences)) || start.includes(word) || !isNamed(sentences)) continue;
    const prompt = frame.before + sentences.join(" ") + frame.after;
    return { prompt, answerPrefix: ` ${start}`, references: [` ${word}`], tokens: frameTokens(request) + tokens + own, metadata: { text: haystack.source } };
  }
  throw new SampleError(`${name} at ${request.length} tokens found no passage in the text (${haystack.source}) whose last word stands earlier in it.`, "Name a longer text.");
}

function frameTokens({ counter }: DraftRequest): number {
  return counter.count(frame.before) + counter.count(frame.after);
}

function roomFor(name: string, request: DraftRequest): number {
  requireRoom(name, frameTokens(request) + 200, request);
  return request.room - frameTokens(request);
}
