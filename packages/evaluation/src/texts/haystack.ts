import { DatasetError } from "../errors.js";
import type { TokenCounter } from "../tokens/token-counter.js";
import { joinLines, splitSentences } from "./sentences.js";

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
    this.sentences = splitSentences(joinLines(text));
    if (this.sentences.length === 0) throw new DatasetError(`The haystack text (${source}) is empty.`);
  }

  /**
   * The text from its beginning, again from the beginning where it is too short, up to `room` tokens; the last sentence
   * is cut behind a word.
   */
  take(counter: TokenCounter, room: number): { sentences: string[]; tokens: number } {
    const sentences: string[] = [];
    let tokens = 0;
    for (let index = 0; ; index++) {
      const sentence = this.sentences[index % this.sentences.length]!;
      const cost = counter.count(` ${sentence}`);
      if (tokens + cost > room) {
        const words: string[] = [];
        for (const word of sentence.split(" ")) {
          const wordCost = counter.count(` ${word}`);
          if (tokens + wordCost > room) break;
          tokens += wordCost;
          words.push(word);
        }
        if (words.length > 0) sentences.push(words.join(" "));
        return { sentences, tokens };
      }
      sentences.push(sentence);
      tokens += cost;
    }
  }
}
