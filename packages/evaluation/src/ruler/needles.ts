import { fillTemplate } from "../fill-template.js";
import type { Haystack } from "../texts/haystack.js";
import type { WordLists } from "../texts/word-lists.js";
import type { SeededRandom } from "../seeded-random.js";
import { type Draft, type DraftRequest, requireRoom } from "../tokens/fit-samples.js";
import { fillParts, needleSentence, noiseLine, oneNeedle, severalNeedles } from "./templates.js";

export type NeedleKind = "numbers" | "words" | "uuids";

/** RULER's parameters of a needle task. */
export interface NeedleSettings {
  readonly haystack: "noise" | "essay" | "needle";
  readonly keyKind: NeedleKind;
  readonly valueKind: NeedleKind;
  /** Number of keys in the haystack; of values of each; of keys that are asked for. */
  readonly keys: number;
  readonly values: number;
  readonly queries: number;
  /** Place of the needle, 0 (front) to 1 (end), instead of a random one; for one key and value in an essay. */
  readonly depth?: number;
}

export interface NeedleSources {
  readonly haystack: Pick<Haystack, "take" | "source">;
  readonly words: WordLists;
}

/** A needle prompt: values hidden under keys, and the question for some of them. @throws SampleError */
export function needleDraft(name: string, settings: NeedleSettings, sources: NeedleSources, request: DraftRequest): Draft {
  const { random, counter, room } = request;
  const { words, haystack } = sources;
  const used = new Set<string>();
  const fresh = (kind: NeedleKind): string => {
    // A key or value that came before would make the question ambiguous.
    let value = randomValue(kind, words, random);
    for (let tries = 1; used.has(value); tries++) {
      value = tries < 20 ? randomValue(kind, words, random) : `${random.pick(words.adjectives)}-${value}`;
    }
    used.add(value);
    return value;
  };
  const pairs = Array.from({ length: settings.keys }, () => ({
    key: fresh(settings.keyKind),
    values: Array.from({ length: settings.values }, () => fresh(settings.valueKind)),
  }));
  const sentence = (key: string, value: string) => fillTemplate(needleSentence, { values: settings.valueKind, key, value });
  const needles = random.shuffle(pairs.flatMap(({ key, values }) => values.map((value) => sentence(key, value))));
  const asked = random.sample(pairs, settings.queries);
  const single = settings.queries * settings.values === 1;
  const template = fillParts(single ? oneNeedle : severalNeedles, {
    values: single ? settings.valueKind.slice(0, -1) : settings.valueKind,
    query: listing(asked.map(({ key }) => key)),
  });
  const essay = settings.haystack === "essay";
  const needleTokens = needles.reduce((sum, needle) => sum + (essay ? counter.measure(` ${needle}`) : counter.measure(`${needle}\n`, lineEnd)), 0);
  const fixed = counter.count(template.before) + counter.measure(template.after) + counter.measure(template.answerPrefix, "x?") + needleTokens;
  requireRoom(name, fixed, request);
  const filled = essay
    ? hideInEssay(needles, haystack, room - fixed, settings.depth, request)
    : hideInLines(needles, room - fixed, request, settings.haystack === "noise" ? undefined : () => sentence(fresh(settings.keyKind), fresh(settings.valueKind)));
  return {
    prompt: template.before + filled.context + template.after,
    answerPrefix: template.answerPrefix,
    references: asked.flatMap(({ values }) => values),
    tokens: fixed + filled.tokens,
    metadata: {
      haystack: essay ? haystack.source : settings.haystack,
      ...(settings.depth === undefined ? {} : { depth: settings.depth }),
    },
  };
}

const lineEnd = "x.\n";
/** RULER's places for needles in an essay, in percent of its sentences: 40 between 0 and 100. */
const depths = Array.from({ length: 40 }, (_, index) => Math.round((index * 100) / 39));

interface Filled {
  readonly context: string;
  readonly tokens: number;
}

/** Needles between the sentences of a text, at random depths, in the order given. */
function hideInEssay(needles: readonly string[], haystack: NeedleSources["haystack"], room: number, depth: number | undefined, request: DraftRequest): Filled {
  const { sentences, tokens } = haystack.take(request.counter, room);
  const places =
    depth === undefined
      ? request.random
          .sample(depths, needles.length)
          .map((percent) => Math.floor((sentences.length * percent) / 100))
          .toSorted((left, right) => left - right)
      : [placeAtDepth(sentences, depth)];
  const parts = needles.flatMap((needle, index) => [...sentences.slice(places[index - 1] ?? 0, places[index]), needle]);
  return { context: [...parts, ...sentences.slice(places.at(-1))].join(" "), tokens };
}

/** Number of sentences in front of a depth, 0 to 1, by characters. */
function placeAtDepth(sentences: readonly string[], depth: number): number {
  const total = sentences.reduce((sum, sentence) => sum + sentence.length + 1, 0);
  let before = 0;
  for (const [place, sentence] of sentences.entries()) {
    const next = before + sentence.length + 1;
    if (depth * total - before < next - depth * total) return place;
    before = next;
  }
  return sentences.length;
}

/** Needles between lines: of noise, or of other needles where `distractor` makes them. */
function hideInLines(needles: readonly string[], room: number, request: DraftRequest, distractor?: () => string): Filled {
  const { lines, tokens } = distractor === undefined ? noiseLines(room, request) : distractorLines(room, request, distractor);
  const places = new Set(request.random.ascending(lines.length + needles.length, needles.length));
  const hidden = needles[Symbol.iterator]();
  const rest = lines[Symbol.iterator]();
  const all = Array.from({ length: lines.length + needles.length }, (_, index) => (places.has(index) ? hidden : rest).next().value!);
  return { context: all.join("\n"), tokens };
}

/** The same line again and again; in short contexts the last one may be shorter. */
export function noiseLines(room: number, { counter }: Pick<DraftRequest, "counter">): { lines: string[]; tokens: number } {
  const cost = counter.count(`${noiseLine}\n`, lineEnd);
  const count = Math.floor(room / cost);
  const lines = Array.from({ length: count }, () => noiseLine);
  let tokens = count * cost;
  if (room - tokens > room * 0.005) {
    const sentences = noiseLine.split(/(?<=\.) /);
    for (let kept = sentences.length - 1; kept > 0; kept--) {
      const part = sentences.slice(0, kept).join(" ");
      const partCost = counter.count(`${part}\n`, lineEnd);
      if (tokens + partCost > room) continue;
      lines.push(part);
      tokens += partCost;
      break;
    }
  }
  return { lines, tokens };
}

/** Lines of random needles; some are exchanged for shorter or longer ones until the room is filled. */
function distractorLines(room: number, { counter }: DraftRequest, distractor: () => string): { lines: string[]; tokens: number } {
  const draw = () => {
    const line = distractor();
    return { line, cost: counter.measure(`${line}\n`, lineEnd) };
  };
  const lines: { line: string; cost: number }[] = [];
  let tokens = 0;
  for (let next = draw(); tokens + next.cost <= room; next = draw()) {
    lines.push(next);
    tokens += next.cost;
  }
  // Less than one line is missing: lines are exchanged for longer ones. Where more than half a line is missing, one line
  // too many is put in and lines are exchanged for shorter ones.
  const near = room * 0.004;
  if (room - tokens > near && lines.length > 0) {
    const mean = tokens / lines.length;
    if (room - tokens > mean / 2) {
      const next = draw();
      lines.push(next);
      tokens += next.cost;
    }
    for (let attempt = 0; attempt < 20 * lines.length && (tokens > room || room - tokens > near); attempt++) {
      const at = attempt % lines.length;
      const next = draw();
      const changed = tokens - lines[at]!.cost + next.cost;
      const better = tokens > room ? changed < tokens : changed > tokens && changed <= room;
      if (!better) continue;
      lines[at] = next;
      tokens = changed;
    }
    while (tokens > room) tokens -= lines.pop()!.cost;
  }
  return { lines: lines.map(({ line }) => line), tokens };
}

function randomValue(kind: NeedleKind, words: WordLists, random: SeededRandom): string {
  if (kind === "numbers") return String(1_000_000 + random.integer(9_000_000));
  if (kind === "uuids") return random.uuid();
  return `${random.pick(words.adjectives)}-${random.pick(words.nouns)}`;
}

/** `a, b, and c`. */
function listing(items: readonly string[]): string {
  return items.length < 2 ? (items[0] ?? "") : `${items.slice(0, -1).join(", ")}, and ${items.at(-1)}`;
}
