import type { WordLists } from "../texts/word-lists.js";
import type { SeededRandom } from "../seeded-random.js";
import { type Draft, type DraftRequest, requireRoom } from "../tokens/fit-samples.js";

/** How a list writes its pairs, how it is asked and how the answer begins. */
interface ListForm {
  readonly before: string;
  readonly line: (key: string, value: string) => string;
  readonly after: (key: string) => string;
  readonly answerPrefix: (key: string) => string;
}

const listed: ListForm = {
  before: "Here is a list of keys and values.\n\n",
  line: (key, value) => `${key}: ${value}\n`,
  after: (key) => `\nWhat is the value of ${key}?`,
  answerPrefix: (key) => ` The value of ${key} is`,
};

/** The same as examples of questions and answers, one of which is asked again: no word says what is to be done. */
const asExamples: ListForm = {
  before: "",
  line: (key, value) => `Q: ${key}\nA: ${value}\n\n`,
  after: (key) => `Q: ${key}`,
  answerPrefix: () => " A:",
};

/** One value of a long list, by its key. @throws SampleError */
export function keyValueDraft(name: string, words: WordLists, request: DraftRequest): Draft {
  return lookUp(name, listed, words, request);
}

/** The answer to a question that was answered before, among many others. @throws SampleError */
export function repeatedQuestionDraft(name: string, words: WordLists, request: DraftRequest): Draft {
  return lookUp(name, asExamples, words, request);
}

function lookUp(name: string, form: ListForm, words: WordLists, request: DraftRequest): Draft {
  const { counter, random, room } = request;
  const longest = random.pick(words.nouns);
  const fixed = counter.count(form.before) + 3 * counter.measure(` ${longest}-${longest}`) + counter.measure(form.after("x")) + counter.measure(form.answerPrefix("x"));
  requireRoom(name, fixed + 100, request);
  const pairs = new Map<string, string>();
  const lines: string[] = [];
  let tokens = fixed;
  for (let full = false; !full; ) {
    const key = keyOf(words, random);
    if (pairs.has(key)) continue;
    const value = String(1000 + random.integer(9000));
    const line = form.line(key, value);
    tokens += counter.measure(line, "x\n");
    full = tokens > room;
    if (full) tokens -= counter.measure(line, "x\n");
    else {
      pairs.set(key, value);
      lines.push(line);
    }
  }
  const asked = random.pick([...pairs.keys()]);
  return {
    prompt: form.before + lines.join("") + form.after(asked),
    answerPrefix: form.answerPrefix(asked),
    references: [` ${pairs.get(asked)!}`],
    tokens,
    metadata: { pairs: pairs.size },
  };
}

function keyOf({ adjectives, nouns }: WordLists, random: SeededRandom): string {
  return `${random.pick(adjectives)} ${random.pick(nouns)}`;
}
