import { type Decoder, notWhole, type TokenSink } from "./decoder.js";

/** All tokens as one. */
export class FuseDecoder implements Decoder {
  readonly needsWhole = false;
  readonly givesWhole = false;

  open(next: TokenSink): TokenSink {
    let begun = false;
    return {
      token(text) {
        if (begun) next.more(text);
        else next.token(text);
        begun = true;
      },
      more: (text) => next.more(text),
      end: () => next.end(),
    };
  }
}

/** A suffix that ends words: a space, and nothing in the last token. */
export class SuffixDecoder implements Decoder {
  readonly needsWhole = true;
  readonly givesWhole = false;

  /** @param suffix not empty. */
  constructor(private readonly suffix: string) {}

  open(next: TokenSink): TokenSink {
    // What stands from the suffix on waits until it is known whether another token follows.
    let waiting = "";
    const release = (space: string): void => {
      if (waiting !== "") next.more(waiting.replaceAll(this.suffix, space));
      waiting = "";
    };
    return {
      token: (text) => {
        release(" ");
        const place = text.indexOf(this.suffix);
        next.token(place < 0 ? text : text.slice(0, place));
        if (place >= 0) waiting = text.slice(place);
      },
      more: notWhole,
      end() {
        release("");
        next.end();
      },
    };
  }
}

/** Characters at the ends of a token, up to so many, go. */
export class StripDecoder implements Decoder {
  readonly needsWhole = false;
  readonly givesWhole = false;

  constructor(
    private readonly character: string,
    private readonly start: number,
    private readonly stop: number,
  ) {}

  open(next: TokenSink): TokenSink {
    let leading = 0;
    let waiting = "";
    const kept = (text: string): string => {
      let rest = text;
      while (leading > 0 && rest !== "") {
        if (rest.startsWith(this.character)) {
          rest = rest.slice(this.character.length);
          leading--;
        } else leading = 0;
      }
      const whole = waiting + rest;
      let cut = whole.length;
      for (let count = 0; count < this.stop && cut > 0 && whole.endsWith(this.character, cut); count++) cut -= this.character.length;
      waiting = whole.slice(cut);
      return whole.slice(0, cut);
    };
    return {
      token: (text) => {
        leading = this.start;
        waiting = "";
        next.token(kept(text));
      },
      more: (text) => next.more(kept(text)),
      end: () => next.end(),
    };
  }
}

/** A character replaced, also inside tokens that come in parts. */
export class CharacterReplacement implements Decoder {
  readonly needsWhole = false;
  readonly givesWhole = true;

  /** @param character one UTF-16 unit, which no part of a token cuts. */
  constructor(
    private readonly character: string,
    private readonly content: string,
  ) {}

  open(next: TokenSink): TokenSink {
    const replaced = (text: string): string => text.replaceAll(this.character, () => this.content);
    return { token: (text) => next.token(replaced(text)), more: (text) => next.more(replaced(text)), end: () => next.end() };
  }
}
