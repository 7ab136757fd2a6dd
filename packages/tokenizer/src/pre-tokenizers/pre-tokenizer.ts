import type { FoundSpan } from "../pattern/pattern.js";

/**
 * Receives a piece of a text.
 * @param atStart whether it begins where the whole text does.
 */
export type PieceSink = (piece: string, atStart: boolean) => void;

/** Cuts a text into pieces that are looked up one by one. Pieces come out as they are found. */
export interface PreTokenizer {
  /** Whether every character of a text comes out in a piece. */
  readonly keepsText: boolean;
  /** Whether pieces are made of the printable characters that stand for bytes, whatever the text. */
  readonly givesBytes: boolean;
  split(text: string, atStart: boolean, emit: PieceSink): void;
}

export class PreTokenizerSequence implements PreTokenizer {
  readonly keepsText: boolean;
  readonly givesBytes: boolean;

  constructor(private readonly steps: readonly PreTokenizer[]) {
    this.keepsText = steps.every(({ keepsText }) => keepsText);
    this.givesBytes = steps.at(-1)?.givesBytes ?? false;
  }

  split(text: string, atStart: boolean, emit: PieceSink): void {
    this.#from(0, text, atStart, emit);
  }

  #from(step: number, text: string, atStart: boolean, emit: PieceSink): void {
    if (step === this.steps.length) emit(text, atStart);
    else this.steps[step]!.split(text, atStart, (piece, first) => this.#from(step + 1, piece, first, emit));
  }
}

/** What becomes of the delimiters that a text is cut at. */
export type SplitBehavior = "Removed" | "Isolated" | "MergedWithPrevious" | "MergedWithNext" | "Contiguous";

export const splitBehaviors: readonly SplitBehavior[] = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"];

/** Goes through a text and names the delimiters and what lies between them. */
export interface Delimiters {
  spans(text: string, found: FoundSpan): void;
}

/** Cuts a text at delimiters. */
export class SplitPreTokenizer implements PreTokenizer {
  readonly keepsText: boolean;
  readonly givesBytes = false;

  constructor(
    private readonly delimiters: Delimiters,
    private readonly behavior: SplitBehavior,
    private readonly invert = false,
  ) {
    this.keepsText = behavior !== "Removed";
  }

  split(text: string, atStart: boolean, emit: PieceSink): void {
    if (text === "") return;
    const piece = (start: number, end: number): void => {
      if (start < end) emit(text.slice(start, end), atStart && start === 0);
    };
    const joiner = joiners[this.behavior](piece);
    const { invert } = this;
    this.delimiters.spans(text, (start, end, matched) => joiner.span(start, end, matched !== invert));
    joiner.end();
  }
}

interface Joiner {
  span(start: number, end: number, delimiter: boolean): void;
  end(): void;
}

type Emit = (start: number, end: number) => void;

const nothing = (): void => undefined;

const joiners: Readonly<Record<SplitBehavior, (emit: Emit) => Joiner>> = {
  Removed: (emit) => ({ span: (start, end, delimiter) => (delimiter ? undefined : emit(start, end)), end: nothing }),
  Isolated: (emit) => ({ span: emit, end: nothing }),
  MergedWithPrevious: (emit) => held(emit, (delimiter, before) => delimiter && !before),
  Contiguous: (emit) => held(emit, (delimiter, before) => delimiter === before),
  MergedWithNext: (emit) => {
    // Of several delimiters in a row only the last joins what follows.
    let waiting: readonly [start: number, end: number] | undefined;
    return {
      span(start, end, delimiter) {
        if (delimiter) {
          if (waiting !== undefined) emit(...waiting);
          waiting = [start, end];
        } else {
          emit(waiting?.[0] ?? start, end);
          waiting = undefined;
        }
      },
      end: () => (waiting === undefined ? undefined : emit(...waiting)),
    };
  },
};

/** Joins spans to the one before where `joins` says so. What comes first counts as behind no delimiter. */
function held(emit: Emit, joins: (delimiter: boolean, before: boolean) => boolean): Joiner {
  let from = -1;
  let to = -1;
  let before = false;
  return {
    span(start, end, delimiter) {
      if (from >= 0 && joins(delimiter, before)) to = end;
      else {
        if (from >= 0) emit(from, to);
        [from, to] = [start, end];
      }
      before = delimiter;
    },
    end: () => (from < 0 ? undefined : emit(from, to)),
  };
}
