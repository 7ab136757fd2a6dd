import type { WordLists } from "../texts/word-lists.js";
import { type Draft, type DraftRequest, requireRoom } from "../tokens/fit-samples.js";
import { commonWords } from "./templates.js";

/** How many common words there are, and how often common and other words stand in the list. */
interface Frequencies {
  readonly common: number;
  readonly commonRepeats: number;
  readonly otherRepeats: number;
  /** Different words in the solved example, and their repeats. */
  readonly example: { readonly words: number; readonly commonRepeats: number; readonly otherRepeats: number };
}

/** RULER's for 4 096 tokens and more, and for shorter contexts. */
const long: Frequencies = { common: 10, commonRepeats: 30, otherRepeats: 3, example: { words: 40, commonRepeats: 10, otherRepeats: 3 } };
const short: Frequencies = { common: 10, commonRepeats: 6, otherRepeats: 1, example: { words: 20, commonRepeats: 3, otherRepeats: 1 } };

/**
 * Ten words that stand in a numbered list more often than the others, behind a solved example.
 *
 * Contexts below 4 096 tokens, and vocabularies in which the long form leaves no room for other words, get the short form.
 *
 * @throws SampleError
 */
export function commonWordsDraft(name: string, lists: WordLists, request: DraftRequest): Draft {
  const pool = new WordPool(lists, request);
  if (request.length >= 4096) {
    const draft = draftWith(long, pool, request);
    if (draft.others >= long.common) return draft;
  }
  const draft = draftWith(short, new WordPool(lists, request), request);
  requireRoom(name, draft.tokens, request);
  return draft;
}

function draftWith(frequencies: Frequencies, pool: WordPool, request: DraftRequest): Draft & { readonly others: number } {
  const { counter, random, room } = request;
  const { common, commonRepeats, otherRepeats, example } = frequencies;
  const exampleWords = pool.take(example.words);
  const exampleList = numberedList(
    random.shuffle(repeated(exampleWords.slice(0, common), exampleWords.slice(common), example.commonRepeats, example.otherRepeats)),
  );
  const exampleAnswer = exampleWords.slice(0, common).map((word, index) => `${index + 1}. ${word}`).join(" ");
  const solved = `${commonWords.before}${exampleList}${commonWords.after}${commonWords.answerPrefix} ${exampleAnswer}\n`;
  const fixed =
    counter.measure(solved) + counter.count(commonWords.before) + counter.count(commonWords.after, " x") + counter.count(commonWords.answerPrefix, "x?");
  const chosen = pool.take(common);
  const cost = (word: string, repeats: number) => repeats * counter.count(` ${word}`);
  let tokens = fixed + chosen.reduce((sum, word) => sum + cost(word, commonRepeats), 0);
  let entries = common * commonRepeats;
  for (let entry = 1; entry <= entries; entry++) tokens += numberCost(entry, request);
  const others: string[] = [];
  for (;;) {
    const [word] = pool.take(1);
    let added = cost(word!, otherRepeats);
    for (let entry = 1; entry <= otherRepeats; entry++) added += numberCost(entries + entry, request);
    if (tokens + added > room) break;
    tokens += added;
    entries += otherRepeats;
    others.push(word!);
  }
  const list = numberedList(random.shuffle(repeated(chosen, others, commonRepeats, otherRepeats)));
  return {
    prompt: solved + commonWords.before + list + commonWords.after,
    answerPrefix: commonWords.answerPrefix,
    references: chosen,
    tokens,
    metadata: { words: pool.source },
    others: others.length,
  };
}

function numberCost(entry: number, { counter }: DraftRequest): number {
  return counter.count(` ${entry}.`, "x");
}

function numberedList(words: readonly string[]): string {
  return words.map((word, index) => `${index + 1}. ${word}`).join(" ");
}

function repeated(common: readonly string[], others: readonly string[], commonRepeats: number, otherRepeats: number): string[] {
  const repeat = (words: readonly string[], times: number) => words.flatMap((word) => Array.from({ length: times }, () => word));
  return [...repeat(common, commonRepeats), ...repeat(others, otherRepeats)];
}

const vocabularies = new WeakMap<WordLists, { readonly plain: readonly string[]; readonly others: readonly string[] }>();

/** Different words in random order: those of the three lists, then others, then pairs of words. */
class WordPool {
  readonly source: string;
  readonly #plain: readonly string[];
  readonly #others: readonly string[];
  readonly #taken = new Set<string>();
  #next = 0;

  constructor(
    lists: WordLists,
    private readonly request: DraftRequest,
  ) {
    let vocabulary = vocabularies.get(lists);
    if (vocabulary === undefined) {
      const plain = [...new Set([...lists.nouns, ...lists.adjectives, ...lists.verbs])].filter((word) => !word.includes(" "));
      const known = new Set(plain);
      vocabulary = { plain, others: [...new Set(lists.others)].filter((word) => !known.has(word)) };
      vocabularies.set(lists, vocabulary);
    }
    this.source = lists.source;
    // Only as many as are needed are shuffled; a word takes about two tokens, its number more.
    this.#plain = request.random.sample(vocabulary.plain, vocabulary.plain.length);
    this.#others = vocabulary.others;
  }

  #shuffledOthers: readonly string[] | undefined;

  take(count: number): string[] {
    return Array.from({ length: count }, () => this.#word());
  }

  #word(): string {
    const index = this.#next++;
    if (index < this.#plain.length) return this.#plain[index]!;
    this.#shuffledOthers ??= this.request.random.shuffle(this.#others);
    const other = this.#shuffledOthers[index - this.#plain.length];
    if (other !== undefined) return other;
    for (;;) {
      const pair = `${this.request.random.pick(this.#plain)}-${this.request.random.pick(this.#plain)}`;
      if (this.#taken.has(pair)) continue;
      this.#taken.add(pair);
      return pair;
    }
  }
}
