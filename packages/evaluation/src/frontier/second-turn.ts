import { fillTemplate } from "../fill-template.js";
import type { NeedleSources } from "../ruler/needles.js";
import { fillParts, needleSentence, oneNeedle } from "../ruler/templates.js";
import type { EvaluationSample } from "../suite.js";
import { type Draft, type DraftRequest, requireRoom } from "../tokens/fit-samples.js";

/** Where the answers lie, as shares of the text: of the first turn's question near its end, of the second's in its middle. */
const firstDepth = 0.95;
const secondDepths: readonly number[] = [0.3, 0.4, 0.5, 0.6, 0.7];

/**
 * A text with two numbers and a question about the one near its end. The number in the middle is asked for in the second turn,
 * when heads have kept what the first question had them keep.
 *
 * @throws SampleError
 */
export function secondTurnDraft(name: string, { haystack, words }: NeedleSources, request: DraftRequest): Draft {
  const { random, counter, room, index } = request;
  const [first, second] = random.sample(words.nouns, 2).map((noun) => ({ key: `${random.pick(words.adjectives)}-${noun}`, value: String(1_000_000 + random.integer(9_000_000)) }));
  const needle = ({ key, value }: { readonly key: string; readonly value: string }) => fillTemplate(needleSentence, { values: "numbers", key, value });
  const template = questionAbout(first!.key);
  const later = questionAbout(second!.key);
  const needles = [needle(first!), needle(second!)];
  const fixed =
    counter.count(template.before) +
    needles.reduce((sum, text) => sum + counter.measure(` ${text}`), 0) +
    [template, later].reduce((sum, { after, answerPrefix }) => sum + counter.measure(after) + counter.measure(answerPrefix, "x?"), 0) +
    answerRoom;
  requireRoom(name, fixed, request);
  const { sentences, tokens } = haystack.take(counter, room - fixed);
  const depth = secondDepths[index % secondDepths.length]!;
  const [middle, end] = [depth, firstDepth].map((share) => Math.floor(sentences.length * share));
  const text = [...sentences.slice(0, middle), needles[1]!, ...sentences.slice(middle, end), needles[0]!, ...sentences.slice(end)].join(" ");
  return {
    prompt: template.before + text + template.after,
    answerPrefix: template.answerPrefix,
    references: [first!.value],
    tokens: fixed + tokens,
    metadata: { haystack: haystack.source, depth, laterKey: second!.key, laterValue: second!.value },
  };
}

/** Tokens of the first answer, which stands in front of the second question. */
const answerRoom = 24;

/** The second turn: all that was said, and the question about the middle. */
export function secondQuestion(sample: EvaluationSample, output: string): EvaluationSample {
  const { laterKey, laterValue } = sample.metadata;
  const { after, answerPrefix } = questionAbout(String(laterKey));
  return { ...sample, prompt: `${sample.prompt}${sample.answerPrefix}${output}${after}`, answerPrefix, references: [String(laterValue)] };
}

function questionAbout(query: string) {
  return fillParts(oneNeedle, { values: "number", query });
}
