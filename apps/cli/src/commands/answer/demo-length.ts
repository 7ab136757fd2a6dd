import type { Engine, GenerationRequest } from "@elastic-attention/generation";
import { streamAnswer } from "./stream-answer.js";

/** How long a prompt of some tokens took to read with every head full. */
export interface ReadingTime {
  readonly tokens: number;
  readonly seconds: number;
}

/** Trials and how long the longer one may be expected to take: on a slow machine the short one has to be enough. */
const trials = { shortTokens: 128, longTokens: 768, longSecondsAtMost: 2 };
/** Where attention takes as long as everything else in the bundled model, while only one trial says how fast a machine is. */
const balancedTokens = 3000;
/** The document is read four times (sparse, full, and with two other ends), sparse readings counted as three quarters of full ones. */
const fullReadings = 3.25;
const fewestTokens = 512;

/**
 * Tokens of a document that can be read, sparse, full and for the other prompts, within a time: reading n tokens takes
 * a·n + b·n² seconds, and one or two trials say how long a and b are.
 */
export function affordableTokens(readings: readonly ReadingTime[], budgetSeconds: number, mostTokens: number): number {
  const [linear, quadratic] = readingCosts(readings);
  const seconds = Math.max(0, budgetSeconds) / fullReadings;
  // The positive root of quadratic·n² + linear·n = seconds, in the form that a quadratic of 0 leaves defined.
  const tokens = (2 * seconds) / (linear + Math.sqrt(linear ** 2 + 4 * quadratic * seconds));
  return Math.max(fewestTokens, Math.min(mostTokens, Math.floor(tokens)));
}

function readingCosts(readings: readonly ReadingTime[]): [linear: number, quadratic: number] {
  const first = readings[0]!;
  const last = readings.at(-1)!;
  if (readings.length > 1) {
    const quadratic = (last.seconds / last.tokens - first.seconds / first.tokens) / (last.tokens - first.tokens);
    const linear = first.seconds / first.tokens - quadratic * first.tokens;
    // Noise can bend the curve the wrong way; then the usual shape through the longer trial is the careful reading.
    if (quadratic > 0 && linear > 0) return [linear, quadratic];
  }
  const linear = last.seconds / (last.tokens * (1 + last.tokens / balancedTokens));
  return [linear, linear / balancedTokens];
}

/**
 * Reads the beginning of a text with full attention, to find how fast this machine is; the second trial only where it takes
 * no longer than two seconds.
 */
export async function timeReading(engine: Engine, request: GenerationRequest, text: string): Promise<readonly ReadingTime[]> {
  const readings: ReadingTime[] = [];
  // The first trial also wakes threads and pages: it is made twice.
  for (const tokens of [trials.shortTokens, trials.shortTokens, trials.longTokens]) {
    const expected = readings.length === 0 ? 0 : (readings.at(-1)!.seconds * tokens) / readings.at(-1)!.tokens;
    if (tokens === trials.longTokens && expected > trials.longSecondsAtMost) break;
    const { sparsity: _, router: __, messages: ___, ...rest } = request;
    const prompt = text.slice(0, tokens * 4);
    const { reason, report } = await streamAnswer(engine, { ...rest, prompt, mode: "full", maxNewTokens: 1 }, () => {}, "Timing this machine");
    if (reason === "aborted") break;
    const reading = { tokens: report.promptTokens, seconds: report.prefillSeconds };
    if (readings.length === 1 && tokens === trials.shortTokens) readings[0] = reading;
    else readings.push(reading);
  }
  return readings;
}
