import { MemoryScope, NoFiniteLogitError } from "@elastic-attention/core";
import { hostArray, logProbabilities, type LogProbabilitiesCall, sampleTokens, type Tensor } from "@elastic-attention/tensor";
import { sampleOnHost, tellOnHost } from "./sample-on-host.js";
import type { Draw, TokenLogProbabilities, TokenSampler } from "./token-sampler.js";

/** What draws the tokens of a sequence from the logits of a step. */
export interface SampledSequence {
  readonly sampler: TokenSampler;
  /** What the step read behind the sequence's last token: guesses of what is drawn now. Default none. */
  readonly draft?: ArrayLike<number>;
}

/**
 * Draws the next tokens of each sequence from the logits of a step, f32 [tokens, vocabulary], where each has 1 + draft rows. It
 * gets the tokens that it would get one by one: those of the draft as long as they are what is drawn, and the first that is not,
 * or the one behind the draft. So each has the probability that it has without a draft, and the same seed gives the same text.
 *
 * A token of -1 ends a sequence's draws: its logits have no finite one that may be drawn.
 */
export function drawTokens(logits: Tensor, sequences: readonly SampledSequence[]): Draw[][] {
  const draws: Draw[][] = sequences.map(() => []);
  let open: readonly OpenSequence[] = openSequences(sequences);
  while (open.length > 0) {
    const picks = open.map((sequence) => picksOf(sequence, draws[sequence.index]!.length));
    const drawn = spansOf(picks.flat()).flatMap((span) => drawRows(logits, span));
    let start = 0;
    open = open.filter((sequence, index) => {
      const rows = drawn.slice(start, (start += picks[index]!.length));
      return takeRows(sequence, rows, draws[sequence.index]!);
    });
  }
  return draws;
}

/**
 * One token for each row of f32 logits [sequences, vocabulary], by its sampler. On the backend where it has a kernel,
 * else on the host by the same rules.
 *
 * @throws NoFiniteLogitError
 */
export function sampleLogits(logits: Tensor, samplers: readonly TokenSampler[]): Int32Array {
  const tokens = Int32Array.from(drawTokens(logits, samplers.map((sampler) => ({ sampler }))), ([draw]) => draw!.token);
  const broken = tokens.indexOf(-1);
  if (broken >= 0) throw new NoFiniteLogitError(broken, tokens);
  return tokens;
}

/** A sequence that may get more tokens. */
interface OpenSequence {
  readonly index: number;
  readonly firstRow: number;
  readonly sampler: TokenSampler;
  readonly draft: ArrayLike<number>;
}

/** A row of logits to draw from. */
interface PickedRow {
  readonly row: number;
  readonly sampler: TokenSampler;
  /** Draws of the sampler before it. */
  readonly ahead: number;
}

interface DrawnRow {
  readonly token: number;
  readonly told: TokenLogProbabilities | undefined;
}

function openSequences(sequences: readonly SampledSequence[]): OpenSequence[] {
  let rows = 0;
  return sequences.map(({ sampler, draft = [] }, index) => {
    const firstRow = rows;
    rows += 1 + draft.length;
    return { index, firstRow, sampler, draft };
  });
}

/** All that a sequence may get, where one draw does not depend on those before; else the next one. */
function picksOf({ firstRow, sampler, draft }: OpenSequence, done: number): PickedRow[] {
  sampler.prepare();
  const count = sampler.drawsAhead ? 1 + draft.length - done : 1;
  return Array.from({ length: count }, (_, ahead) => ({ row: firstRow + done + ahead, sampler, ahead }));
}

/** Takes drawn tokens up to the first that the draft did not foresee. @returns whether more may follow */
function takeRows({ sampler, draft }: OpenSequence, rows: readonly DrawnRow[], draws: Draw[]): boolean {
  for (const { token, told } of rows) {
    const draw = sampler.drawn(token, told);
    draws.push(draw);
    if (draw.isLast || draw.token !== draft[draws.length - 1]) return false;
  }
  return draws.length < 1 + draft.length;
}

/** Rows that follow each other: one call each. */
function spansOf(picks: readonly PickedRow[]): PickedRow[][] {
  const spans: PickedRow[][] = [];
  for (const pick of picks) {
    const last = spans.at(-1);
    if (last !== undefined && last.at(-1)!.row + 1 === pick.row) last.push(pick);
    else spans.push([pick]);
  }
  return spans;
}

function drawRows(all: Tensor, picks: readonly PickedRow[]): DrawnRow[] {
  const { backend } = all;
  const logits = all.rows(picks[0]!.row, picks.at(-1)!.row + 1);
  using scope = new MemoryScope();
  const output = scope.track(backend.allocate([picks.length], "i32"));
  const call = { logits, rows: picks.map(({ sampler, ahead }) => sampler.row(ahead)), output };
  if (backend.kernels.find(sampleTokens, call) === undefined) sampleOnHost(call);
  else backend.kernels.run(sampleTokens, call);
  // Issued before the tokens are waited for.
  const told = askLogProbabilities(scope, logits, output, picks);
  const tokens = hostArray(output.download(), "i32");
  const probabilities = told === undefined ? [] : readLogProbabilities(told);
  return picks.map((_, row) => ({ token: tokens[row]!, told: probabilities[row] }));
}

/** Asks for the log-probabilities of drawn tokens, in tensors of the scope; undefined where no sampler wants any. */
function askLogProbabilities(scope: MemoryScope, logits: Tensor, tokens: Tensor, picks: readonly PickedRow[]): LogProbabilitiesCall | undefined {
  const { backend, numRows } = logits;
  const top = picks.map(({ sampler }) => Math.min(sampler.topLogProbabilities ?? -1, logits.rowLength));
  const most = Math.max(...top);
  if (most < 0) return undefined;
  const values = scope.track(backend.allocate([numRows, 1 + most], "f32"));
  const topTokens = most === 0 ? undefined : scope.track(backend.allocate([numRows, most], "i32"));
  const call = { logits, tokens, top, values, topTokens };
  if (backend.kernels.find(logProbabilities, call) === undefined) tellOnHost(call);
  else backend.kernels.run(logProbabilities, call);
  return call;
}

/** Of each row; undefined for those that want none. */
function readLogProbabilities({ top, values, topTokens }: LogProbabilitiesCall): (TokenLogProbabilities | undefined)[] {
  const numbers = values.toFloat32();
  const tokens = topTokens === undefined ? new Int32Array(0) : hostArray(topTokens.download(), "i32");
  return top.map((count, row) => {
    if (count < 0) return undefined;
    const [first, firstToken] = [row * values.rowLength, row * (values.rowLength - 1)];
    const likely = Array.from({ length: count }, (_, index) => ({ token: tokens[firstToken + index]!, logProbability: numbers[first + 1 + index]! }));
    return { logProbability: numbers[first]!, top: likely.filter(({ token }) => token >= 0) };
  });
}
