/** A text with sentences hidden in it, and the question about one of them. */
export interface NeedleDocument {
  /** Everything before the needle, the needle, everything after it. */
  readonly before: string;
  readonly needle: string;
  readonly after: string;
  readonly question: string;
  /** How the answer begins, up to the value. */
  readonly answerLead: string;
  readonly answer: string;
}

const preamble =
  "A special magic number is hidden within the following text. Make sure to memorize it. I will quiz you about the number afterwards.";

/** Places where a sentence ends, as offsets behind its closing mark. */
function sentenceEnds(text: string): number[] {
  return Array.from(text.matchAll(/[.!?]["”']?(?=\s)/g), (match) => match.index + match[0].length);
}

/**
 * Hides a number under a key between two sentences of a text.
 *
 * @param depth place of the needle, 0 (front) to 1 (end).
 */
export function hideNeedle(haystack: string, depth: number, key: string, value: string): NeedleDocument {
  const ends = sentenceEnds(haystack);
  const wanted = depth * haystack.length;
  const place = ends.reduce((best, end) => (Math.abs(end - wanted) < Math.abs(best - wanted) ? end : best), 0);
  return {
    before: `${preamble}\n${haystack.slice(0, place)}`,
    needle: ` One of the special magic numbers for ${key} is: ${value}.`,
    after: haystack.slice(place),
    question: `What is the special magic number for ${key} mentioned in the provided text?`,
    answerLead: `The special magic number for ${key} mentioned in the provided text is`,
    answer: value,
  };
}

/** The whole prompt. */
export function needlePrompt({ before, needle, after, question }: NeedleDocument): string {
  return `${before}${needle}${after}\n${question}`;
}

/**
 * The beginning of a text that is about `tokens` tokens long, cut behind a sentence.
 *
 * @param countTokens tokens of a text.
 */
export async function cutToTokens(text: string, tokens: number, countTokens: (text: string) => Promise<number>): Promise<string> {
  // Two rounds of proportion settle within a few percent.
  let length = Math.min(text.length, tokens * 4);
  for (let round = 0; round < 3; round++) {
    const counted = await countTokens(text.slice(0, length));
    length = Math.min(text.length, Math.floor((length * tokens) / Math.max(1, counted)));
  }
  const end = sentenceEnds(text.slice(0, length + 1)).at(-1);
  return text.slice(0, end ?? length);
}
