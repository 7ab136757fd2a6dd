import type { Haystack } from "../texts/haystack.js";
import { type Draft, type DraftRequest, requireRoom } from "../tokens/fit-samples.js";

const frame = { before: "Here is a text.\n\n", after: "\n\nRepeat the passage of the text that begins with the following words, to the letter:" };
/** Words of a passage that the question names, and characters that are to be repeated after them. */
const namedWords = 8;
const repeatedCharacters = 180;
/** Places of passages, as shares of the text. */
const places = { first: 0.05, last: 0.75 };

/** A passage of a text is named by its first words; what follows them is to be repeated. @throws SampleError */
export function copyDraft(name: string, haystack: Haystack, request: DraftRequest): Draft {
  const { counter, random, room } = request;
  const fixed = counter.count(frame.before) + counter.count(frame.after);
  requireRoom(name, fixed + 300, request);
  const start = random.integer(haystack.sentences.length);
  const share = places.first + (places.last - places.first) * (random.integer(1000) / 1000);
  // The passage is chosen in what surely fits, then the text is filled up.
  const named = (taken: readonly string[]) => {
    const text = taken.join(" ");
    const from = text.indexOf(" ", Math.floor(share * (text.length - 3 * repeatedCharacters))) + 1;
    return /^((?:\S+ ){8})/.exec(text.slice(from))?.[1]?.trimEnd() ?? text.slice(from, from + 8 * namedWords);
  };
  const least = haystack.take(counter, Math.floor((room - fixed) * 0.9), start).sentences;
  const words = named(least);
  const own = counter.measure(` "${words}"`) + counter.measure(` ${words}`);
  const { sentences, tokens } = haystack.take(counter, room - fixed - own, start);
  const text = sentences.join(" ");
  const end = text.indexOf(words) + words.length;
  const stop = text.indexOf(" ", end + repeatedCharacters);
  return {
    prompt: `${frame.before}${text}${frame.after} "${words}"`,
    answerPrefix: ` ${words}`,
    references: [text.slice(end, stop < 0 ? undefined : stop)],
    tokens: fixed + own + tokens,
    metadata: { text: haystack.source },
  };
}
