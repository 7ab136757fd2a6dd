/** Receives tokens as texts, one after the other. */
export interface TokenSink {
  /** A new token, or its beginning. */
  token(text: string): void;
  /** More of the last token. */
  more(text: string): void;
  /** No token follows. */
  end(): void;
}

/** A step from tokens to text. It works token by token, so that text can come out while tokens come in. */
export interface Decoder {
  /** Whether it must see tokens whole. */
  readonly needsWhole: boolean;
  /** Whether it hands on tokens whole when it sees them whole. */
  readonly givesWhole: boolean;
  /** Starts one decoding, whose result goes to `next`. */
  open(next: TokenSink): TokenSink;
}

/** A step that changes tokens one by one, by their place. */
export class TokenMapDecoder implements Decoder {
  readonly needsWhole = true;
  readonly givesWhole = true;

  /** @param change undefined drops the token. */
  constructor(private readonly change: (token: string, index: number) => string | undefined) {}

  open(next: TokenSink): TokenSink {
    let index = 0;
    return {
      token: (text) => {
        const changed = this.change(text, index++);
        if (changed !== undefined) next.token(changed);
      },
      more: notWhole,
      end: () => next.end(),
    };
  }
}

/** Steps one after the other. */
export class DecoderSequence implements Decoder {
  readonly needsWhole: boolean;
  readonly givesWhole: boolean;

  constructor(private readonly steps: readonly Decoder[]) {
    this.needsWhole = steps[0]?.needsWhole ?? false;
    this.givesWhole = steps.every((step) => step.givesWhole);
  }

  open(next: TokenSink): TokenSink {
    let sink = next;
    for (let index = this.steps.length - 1; index >= 0; index--) {
      sink = this.steps[index]!.open(sink);
      const before = this.steps.slice(0, index);
      if (this.steps[index]!.needsWhole && before.some((step) => !step.givesWhole)) sink = collected(sink);
    }
    return sink;
  }
}

/** Joins the parts of every token before they go on. */
function collected(next: TokenSink): TokenSink {
  let held: string | undefined;
  const release = (): void => {
    if (held !== undefined) next.token(held);
  };
  return {
    token(text) {
      release();
      held = text;
    },
    more: (text) => (held = (held ?? "") + text),
    end() {
      release();
      next.end();
    },
  };
}

/** For steps that see tokens whole. */
export function notWhole(): never {
  throw new Error("A part of a token came to a step that needs whole ones.");
}
