import { type Draft, type DraftRequest, requireRoom } from "../tokens/fit-samples.js";
import { noiseLines } from "./needles.js";
import { fillParts, variables } from "./templates.js";

const capitals = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const lineEnd = "x.\n";
/** The worked example in front of the task is at most this long. */
const exampleTokens = 500;

/** One chain of variables that pass on a value, in noise, behind a solved example. @throws SampleError */
export function variableTrackingDraft(name: string, hops: number, request: DraftRequest): Draft {
  const exampleChain = chain(3, hops, request);
  const example = task(exampleChain, exampleTokens, request);
  const solved = `${example.prompt}${example.answerPrefix}${exampleChain.names.join(" ")}\n\n`;
  const solvedTokens = request.counter.measure(solved);
  const asked = chain(5, hops, request);
  const shortest = task(asked, 0, request);
  requireRoom(name, solvedTokens + shortest.tokens, request);
  const filled = task(asked, request.room - solvedTokens, request);
  return {
    prompt: solved + filled.prompt,
    answerPrefix: filled.answerPrefix,
    references: asked.names,
    tokens: solvedTokens + filled.tokens,
    metadata: { haystack: "noise" },
  };
}

interface Chain {
  readonly names: readonly string[];
  readonly value: string;
  readonly lines: readonly string[];
}

function chain(letters: number, hops: number, { random }: DraftRequest): Chain {
  const unique = new Set<string>();
  while (unique.size <= hops) unique.add(random.letters(capitals, letters));
  const names = [...unique];
  const value = String(10_000 + random.integer(90_000));
  const lines = names.map((variable, index) => `VAR ${variable} = ${index === 0 ? value : `VAR ${names[index - 1]} `}`);
  return { names, value, lines };
}

/** The chain's lines in order between lines of noise, with room for `room` tokens in all. */
function task({ names, value, lines }: Chain, room: number, request: DraftRequest) {
  const { counter, random } = request;
  const template = fillParts(variables, { query: value, count: String(names.length) });
  const fixed =
    counter.count(template.before) +
    counter.measure(template.after) +
    counter.measure(template.answerPrefix) +
    lines.reduce((sum, line) => sum + counter.measure(`${line}\n`, lineEnd), 0);
  const noise = noiseLines(Math.max(0, room - fixed), request);
  const places = new Set(random.ascending(noise.lines.length + lines.length, lines.length));
  const hidden = lines[Symbol.iterator]();
  const rest = noise.lines[Symbol.iterator]();
  const all = Array.from({ length: noise.lines.length + lines.length }, (_, index) => (places.has(index) ? hidden : rest).next().value!);
  return {
    prompt: template.before + all.join("\n") + template.after,
    answerPrefix: template.answerPrefix,
    tokens: fixed + noise.tokens,
  };
}
