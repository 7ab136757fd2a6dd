import { TrainingDataError } from "@elastic-attention/core";
import type { RowSource } from "@elastic-attention/data-files";
import { pooledRanges, type RouterPooling } from "@elastic-attention/router";
import type { TrainingPack } from "@elastic-attention/transformer";
import { ShuffledOrder } from "./shuffled-order.js";
import type { TrainingExample } from "./training-example.js";

export interface PackOptions {
  /** Most tokens in a pack. */
  readonly packTokens: number;
  /** Shortest example. */
  readonly minimumTokens: number;
  /** What becomes of an example that is shorter, or longer than a pack: "error" (default) stops, "skip" leaves it out. */
  readonly lengths: "error" | "skip";
  /** Which tokens count for the loss: "all" (default, as published) or those of the answer. */
  readonly lossTokens: "all" | "answer";
  /** Which keys of the pooled turn the routers average: its first and last tokens (default 100), or all. */
  readonly pooling: Extract<RouterPooling, { readonly kind: "boundary" } | { readonly kind: "mean" }>;
  /** "user" (default, as published): the user's turn; "prompt": up to the answer, which is what a router sees later. */
  readonly pooledTurn: "user" | "prompt";
  readonly seed: number;
}

/** A pack with what the objective and the messages need of its rows. */
export interface PackedExamples {
  readonly pack: TrainingPack;
  /** Task of each segment. */
  readonly taskIds: readonly number[];
  /** Where each segment comes from. */
  readonly rows: readonly string[];
}

/**
 * Endless packs over shuffled rows: examples are laid one after another, in order, until the next would not fit. A pack
 * follows from the position of its first example alone, so a run goes on from a number.
 */
export class PackStream {
  /** Position of the first example of the next pack in the endless order. */
  position = 0;
  /** Examples left out so far because of their length. */
  skipped = 0;
  readonly #order: ShuffledOrder;
  readonly #cache = new Map<number, TrainingExample>();
  #cachedTokens = 0;

  constructor(
    private readonly source: RowSource,
    private readonly example: (row: unknown, where: string) => TrainingExample,
    private readonly options: PackOptions,
  ) {
    this.#order = new ShuffledOrder(source.numRows, source.parts, options.seed);
  }

  /** @throws TrainingDataError */
  async next(): Promise<PackedExamples> {
    const examples: TrainingExample[] = [];
    let tokens = 0;
    for (let passed = 0; ; this.position++) {
      const example = await this.#example(this.#order.rowAt(this.position));
      if (!this.#fits(example)) {
        passed += 1;
        this.skipped += 1;
        if (passed > this.source.numRows) throw this.#nothingFits();
        continue;
      }
      if (tokens + example.tokens.length > this.options.packTokens) break;
      examples.push(example);
      tokens += example.tokens.length;
    }
    return packExamples(examples, this.options);
  }

  async #example(row: number): Promise<TrainingExample> {
    const known = this.#cache.get(row);
    if (known !== undefined) return known;
    const example = this.example(await this.source.read(row), this.source.where(row));
    if (this.#cachedTokens + example.tokens.length <= cachedTokens) {
      this.#cache.set(row, example);
      this.#cachedTokens += example.tokens.length;
    }
    return example;
  }

  #fits({ tokens, where }: TrainingExample): boolean {
    const { packTokens, minimumTokens, lengths } = this.options;
    if (tokens.length >= minimumTokens && tokens.length <= packTokens) return true;
    if (lengths === "skip") return false;
    const wrong = tokens.length < minimumTokens ? `fewer than the ${minimumTokens} of minimumTokens` : `more than the ${packTokens} of packTokens`;
    throw new TrainingDataError(`${where} has ${tokens.length} tokens, ${wrong}.`, {
      hint: 'Change that setting, or set `lengths` to "skip" to leave such rows out.',
    });
  }

  #nothingFits(): TrainingDataError {
    const { packTokens, minimumTokens } = this.options;
    return new TrainingDataError(`No row has between ${minimumTokens} and ${packTokens} tokens.`);
  }
}

/** Tokens of examples that are kept, so that later epochs need no tokenizer: 256 MB. */
const cachedTokens = 64 * 1024 * 1024;

/** Lays examples one after another. */
export function packExamples(
  examples: readonly TrainingExample[],
  { lossTokens, pooling, pooledTurn }: Pick<PackOptions, "lossTokens" | "pooling" | "pooledTurn">,
): PackedExamples {
  const total = examples.reduce((sum, { tokens }) => sum + tokens.length, 0);
  const tokens = new Int32Array(total);
  const targets = new Int32Array(total).fill(-1);
  const offsets = [0];
  const ranges: (readonly (readonly [number, number])[])[] = [];
  for (const example of examples) {
    const start = offsets.at(-1)!;
    tokens.set(example.tokens, start);
    const first = lossTokens === "all" ? 1 : Math.max(1, example.answerStart);
    // A row's target is the token after it; the last row of a segment has none.
    for (let token = first; token < example.tokens.length; token++) targets[start + token - 1] = example.tokens[token]!;
    ranges.push(pooledRanges(pooling, start, start + (pooledTurn === "user" ? example.userEnd : example.answerStart)));
    offsets.push(start + example.tokens.length);
  }
  const pack = { tokens, targets, offsets, pooledRanges: ranges };
  return { pack, taskIds: examples.map(({ task }) => task), rows: examples.map(({ where }) => where) };
}
