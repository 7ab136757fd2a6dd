import { DatasetError } from "@elastic-attention/core";
import type { TokenCounter } from "../tokens/token-counter.js";
import { joinLines, splitSentences } from "./sentences.js";

/** Longer sentences (lists, text without full stops or spaces) are divided, at a space where there is one. */
const longestSentence = 1000;
/** Longer words are cut to what fits: in scripts without spaces a word is a paragraph. */
const longWord = 30;

/** Running text that needles are hidden in. */
export class Haystack {
  readonly sentences: readonly string[];

  /**
   * @param source says where the text is from, in records
   * @throws DatasetError for a text without a word
   */
  constructor(
    text: string,
    readonly source: string,
  ) {
    this.sentences = splitSentences(joinLines(text)).flatMap(divide);
    if (this.sentences.length === 0) throw new DatasetError(`The haystack text (${source}) is empty.`);
  }

  /** The same text as it is read from another sentence on. */
  startingAt(start: number): Pick<Haystack, "take" | "source"> {
    return { source: this.source, take: (counter, room) => this.take(counter, room, start) };
  }

  /**
   * The text from a sentence on (default: its beginning), again from the beginning where it is too short, up to `room` tokens; the
   * last sentence is cut behind a word.
   */
  take(counter: TokenCounter, room: number, start = 0): { sentences: string[]; tokens: number } {
    const sentences: string[] = [];
    let tokens = 0;
    for (let index = start; ; index++) {
      const sentence = this.sentences[index % this.sentences.length]!;
      const cost = counter.count(` ${sentence}`);
      if (tokens + cost > room) {
        const part = cutSentence(sentence, room - tokens, counter);
        return part.text === "" ? { sentences, tokens } : { sentences: [...sentences, part.text], tokens: tokens + part.tokens };
      }
      sentences.push(sentence);
      tokens += cost;
    }
  }

  /** Whole sentences that stand before one, in order, as many as fit into `room` tokens; fewer where the text begins. */
  takeBefore(counter: TokenCounter, room: number, end: number): { sentences: string[]; tokens: number } {
    let [start, tokens] = [end, 0];
    for (; start > 0; start--) {
      const cost = counter.count(` ${this.sentences[start - 1]!}`);
      if (tokens + cost > room) break;
      tokens += cost;
    }
    return { sentences: this.sentences.slice(start, end), tokens };
  }
}

/** The first words of a sentence that fit into `room` tokens. */
function cutSentence(sentence: string, room: number, counter: TokenCounter): { text: string; tokens: number } {
  const words: string[] = [];
  let tokens = 0;
  for (const word of sentence.split(" ")) {
    const cost = counter.count(` ${word}`);
    if (tokens + cost <= room) {
      words.push(word);
      tokens += cost;
      continue;
    }
    if (word.length > longWord) {
      const characters = Array.from(word);
      let [fits, exceeds] = [0, characters.length];
      const part = (length: number) => ` ${characters.slice(0, length).join("")}`;
      while (exceeds - fits > 1) {
        const middle = Math.floor((fits + exceeds) / 2);
        if (tokens + counter.measure(part(middle)) <= room) fits = middle;
        else exceeds = middle;
      }
      if (fits > 0) {
        words.push(part(fits).trimStart());
        tokens += counter.measure(part(fits));
      }
    }
    break;
  }
  return { text: words.join(" "), tokens };
}

function divide(sentence: string): string[] {
  const parts: string[] = [];
  let rest = sentence;
  while (rest.length > longestSentence) {
    const space = rest.lastIndexOf(" ", longestSentence);
    // Not between the halves of a character outside the basic plane.
    const high = /[\ud800-\udbff]/.test(rest[longestSentence - 1]!);
    const end = space > 0 ? space : longestSentence - (high ? 1 : 0);
    parts.push(rest.slice(0, end));
    rest = rest.slice(end).trimStart();
  }
  return rest === "" ? parts : [...parts, rest];
}
