import { StepLimit } from "../models/step-limit.js";
import { TextTrie } from "../models/text-trie.js";
import { spaceClass } from "../pattern/class-source.js";
import { wordCharacters } from "../unicode/bert-characters.js";
import type { AddedToken } from "./added-token.js";

/** Receives what stands between added tokens, and in place of a text the id of an added token. */
export interface AddedTokenSink {
  text(start: number, end: number): void;
  token(id: number): void;
}

const wordBefore = new RegExp(`${wordCharacters}$`, "v");
const wordBehind = new RegExp(`^${wordCharacters}`, "v");
const space = new RegExp(`^${spaceClass}$`, "v");

/** Finds added tokens in texts: the leftmost, and of those that begin at one place the longest. */
export class TokenFinder {
  readonly #trie = new TextTrie();
  /** Whether a token begins with a UTF-16 unit. */
  readonly #begins = new Uint8Array(0x1_0000);
  #size = 0;
  #mostUnits = 0;

  /** @param flags the token as it was added last under an id. */
  constructor(private readonly flags: (id: number) => AddedToken) {}

  /** @param text what to look for; one that is there already keeps its id. */
  add(text: string, id: number): void {
    if (this.#trie.get(text) !== undefined) return;
    this.#trie.add(text, id);
    this.#begins[text.charCodeAt(0)] = 1;
    this.#size++;
    const { leftStrip, rightStrip } = this.flags(id);
    this.#mostUnits = leftStrip || rightStrip ? Infinity : Math.max(this.#mostUnits, text.length);
  }

  /** How many UTF-16 units of a text one token can take away; Infinity where one takes the white space around it. */
  get mostUnitsPerToken(): number {
    return this.#mostUnits;
  }

  find(text: string, sink: AddedTokenSink): void {
    let done = 0;
    if (this.#size > 0) {
      const steps = new StepLimit(text.length);
      for (let index = 0; index < text.length; ) {
        if (this.#begins[text.charCodeAt(index)] === 0) {
          index++;
          continue;
        }
        let end = -1;
        let id = -1;
        steps.add(this.#trie.beginnings(text, index, (place, value) => ([end, id] = [place, value])));
        if (end < 0) {
          index++;
          continue;
        }
        const behind = this.#take(text, index, end, id, done, sink);
        if (behind >= 0) done = behind;
        index = end;
      }
    }
    if (done < text.length) sink.text(done, text.length);
  }

  /** Where the token ends with the spaces that it takes; -1 when it does not count here. */
  #take(text: string, start: number, end: number, id: number, done: number, sink: AddedTokenSink): number {
    const token = this.flags(id);
    if (token.singleWord) {
      const wordsTouch = wordBefore.test(text.slice(Math.max(0, start - 2), start)) || wordBehind.test(text.slice(end, end + 2));
      if (wordsTouch) return -1;
    }
    let from = start;
    if (token.leftStrip) {
      while (from > 0 && space.test(text.charAt(from - 1))) from--;
      from = Math.max(from, done);
    }
    let to = end;
    if (token.rightStrip) while (to < text.length && space.test(text.charAt(to))) to++;
    if (done < from) sink.text(done, from);
    sink.token(id);
    return to;
  }
}
