import { DatasetError, SampleError } from "@elastic-attention/core";
import { aggregateRecords } from "../aggregate.js";
import { checkRoles, findDataFile, readDataText } from "../datasets/read-file.js";
import { selectTasks } from "../select-tasks.js";
import type { EvaluationSample, EvaluationSuite, EvaluationTokenizer, LikelihoodScore, LikelihoodTask } from "../suite.js";
import { mobyDick } from "../moby-dick.js";

const taskName = "perplexity";
const category = "Language Modelling";
/** Positions are summed up in ranges that double: 0–256, 256–512, 512–1 024 … */
const firstRange = 256;
const defaultSamples = 8;

/**
 * Nats per token of a text, by position in the context. The text is cut into windows of each length that do not overlap,
 * each with the begin-of-text token that the tokenizer puts in front; perplexity is the exponential of a score.
 */
export const perplexitySuite: EvaluationSuite = {
  name: "perplexity",
  description: "Perplexity of any text by position in the context",
  scoreUnit: "nats",
  taskNames: [taskName],
  presets: { small: { description: "4K and 8K, 4 windows: for the demo model", lengths: [4096, 8192], samplesPerTask: 4 } },
  async tasks(options) {
    checkRoles(options, ["text"]);
    selectTasks([taskName], options.tasks);
    const path = findDataFile(options, "text", ["text.txt", "valid.txt", "test.txt"]);
    const text = path === undefined ? mobyDick() : readDataText(path);
    const source = path === undefined ? "moby-dick" : "file";
    const task: LikelihoodTask = {
      kind: "likelihood",
      name: taskName,
      category,
      *samples({ tokenizer, contextLength, lengths = [contextLength], samplesPerTask = defaultSamples }) {
        for (const length of lengths) {
          if (length > contextLength) {
            throw new SampleError(`Windows of ${length} tokens are longer than the model's context of ${contextLength}.`, `Choose lengths up to ${contextLength}.`);
          }
          if (length < 2) throw new SampleError("A window needs at least two tokens.", "Choose a longer length.");
          yield* windows(text, length, samplesPerTask, tokenizer, source);
        }
      },
      score: (sample, logProbabilities) => likelihoodScore(sample, logProbabilities),
    };
    return [task];
  },
  aggregate: (records, value) => aggregateRecords(records, { average: "tasks", taskOrder: [taskName] }, value),
};

function* windows(text: string, length: number, count: number, tokenizer: EvaluationTokenizer, source: string): Iterable<EvaluationSample> {
  const front = beginOfText(tokenizer);
  const room = length - front.length;
  // Encode no more of the text than is needed: no vocabulary has more than a few characters a token on average.
  let tokens = new Int32Array(0);
  for (let share = room * count * 4; ; share *= 2) {
    tokens = new Int32Array(tokenizer.encode(text.slice(0, share), { addSpecialTokens: false }));
    if (tokens.length > room * count || share >= text.length) break;
  }
  const found = Math.min(count, Math.floor(tokens.length / room));
  if (found === 0) {
    throw new DatasetError(`The text has ${tokens.length} tokens, fewer than one window of ${length}.`, { hint: "Choose a shorter length or a longer text." });
  }
  for (let index = 0; index < found; index++) {
    const window = new Int32Array(length);
    window.set(front);
    window.set(tokens.subarray(index * room, (index + 1) * room), front.length);
    yield {
      id: `${taskName}/${length}/${index}`,
      task: taskName,
      category,
      lengthBucket: String(length),
      tokens: window,
      maxNewTokens: 0,
      references: [],
      metadata: { length, text: source },
    };
  }
}

/** What the tokenizer puts in front of raw text. */
function beginOfText(tokenizer: EvaluationTokenizer): Int32Array {
  const bare = tokenizer.encode("a", { addSpecialTokens: false });
  const whole = tokenizer.encode("a");
  const start = whole.indexOf(bare[0]!);
  return whole.subarray(0, Math.max(0, start));
}

function likelihoodScore(sample: EvaluationSample, logProbabilities: ArrayLike<number>): LikelihoodScore {
  const tokens = sample.tokens!.length - 1;
  if (logProbabilities.length !== tokens) {
    throw new SampleError(`${sample.id} has ${tokens} scored tokens, and ${logProbabilities.length} log-probabilities came.`);
  }
  const positions: { start: number; end: number; tokens: number; score: number }[] = [];
  let total = 0;
  for (let start = 0, end = firstRange; start < tokens; start = end, end *= 2) {
    let sum = 0;
    const last = Math.min(end, tokens);
    for (let index = start; index < last; index++) sum -= logProbabilities[index]!;
    total += sum;
    positions.push({ start, end: last, tokens: last - start, score: sum / (last - start) });
  }
  return { score: total / tokens, tokens, positions };
}
