import { allBut, type CharacterRange, inBoth } from "./character-sets.js";
import type { Pattern } from "./pattern.js";

/** Where a text may be in a pattern, by the characters that lead on. */
export interface AutomatonState {
  readonly isEnd: boolean;
  readonly ways: readonly { readonly ranges: readonly CharacterRange[]; readonly to: number }[];
}

/** States at most; a pattern that needs more can be read in too many ways. */
const mostStates = 100;
/** Places of a pattern at most, its repetitions written out. */
const mostPlaces = 4000;

/** A place in a pattern: where a character of a set leads, and where nothing is needed to get to. */
interface Place {
  readonly set?: readonly CharacterRange[];
  next: number[];
}

/**
 * A pattern so that every text is read in one way: what a pattern leaves open would keep all its ways of reading alive at once.
 * The first state is where a text begins.
 *
 * @returns undefined for a pattern that needs too many states
 */
export function automatonOf(pattern: Pattern): readonly AutomatonState[] | undefined {
  const places: Place[] = [];
  const end = 0;
  places.push({ next: [] });
  const begin = placed(pattern, end, places);
  if (begin === undefined) return undefined;
  const blocks = partition(places.flatMap(({ set }) => (set === undefined ? [] : [set])));
  const numbers = new Map<string, number>();
  const pending: (readonly number[])[] = [];
  const states: AutomatonState[] = [];
  const numberOf = (reached: readonly number[]): number => {
    const key = reached.join(" ");
    const known = numbers.get(key) ?? numbers.size;
    if (known === numbers.size && !numbers.has(key)) {
      numbers.set(key, known);
      pending.push(reached);
    }
    return known;
  };
  numberOf(closure([begin], places));
  for (let index = 0; index < pending.length; index++) {
    if (pending.length > mostStates) return undefined;
    const reached = pending[index]!;
    const ways = new Map<number, CharacterRange[]>();
    for (const block of blocks) {
      const next = reached.flatMap((place) => (places[place]!.set !== undefined && has(places[place]!.set!, block[0]) ? places[place]!.next : []));
      if (next.length === 0) continue;
      const to = numberOf(closure(next, places));
      ways.set(to, [...(ways.get(to) ?? []), block]);
    }
    states.push({ isEnd: reached.includes(end), ways: [...ways].map(([to, ranges]) => ({ ranges: allBut(allBut(ranges)), to })) });
  }
  return states;
}

/** Whether a pattern can be read in one way as it is written, its repetitions as loops. */
export function isPlain(pattern: Pattern): boolean {
  if (repeatsRepetitions(pattern, false)) return false;
  const { first, follow } = positionsOf(pattern);
  const overlaps = (positions: readonly Position[]) => positions.some((one, index) => positions.slice(0, index).some((other) => one !== other && inBoth(one.set, other.set).length > 0));
  return !overlaps(first) && [...follow.values()].every((positions) => !overlaps([...positions]));
}

/** Where a part that comes several times can itself come several times, its times can be counted in many ways. */
function repeatsRepetitions(pattern: Pattern, isRepeated: boolean): boolean {
  if (pattern.type === "set") return false;
  if (pattern.type !== "repeat") return pattern.parts.some((part) => repeatsRepetitions(part, isRepeated));
  const { part, least, most } = pattern;
  return (isRepeated && least !== most) || repeatsRepetitions(part, isRepeated || most > 1);
}

interface Position {
  readonly set: readonly CharacterRange[];
}

interface Positions {
  readonly first: readonly Position[];
  readonly last: readonly Position[];
  readonly isOptional: boolean;
  readonly follow: Map<Position, Set<Position>>;
}

function positionsOf(pattern: Pattern, follow: Positions["follow"] = new Map()): Positions {
  const joined = (from: readonly Position[], to: readonly Position[]) => {
    for (const position of from) for (const next of to) follow.get(position)!.add(next);
  };
  switch (pattern.type) {
    case "set": {
      const position: Position = { set: pattern.ranges };
      follow.set(position, new Set());
      return { first: [position], last: [position], isOptional: false, follow };
    }
    case "choice": {
      const parts = pattern.parts.map((part) => positionsOf(part, follow));
      return { first: parts.flatMap(({ first }) => first), last: parts.flatMap(({ last }) => last), isOptional: parts.some(({ isOptional }) => isOptional), follow };
    }
    case "sequence": {
      let whole: Positions = { first: [], last: [], isOptional: true, follow };
      for (const part of pattern.parts) {
        const next = positionsOf(part, follow);
        joined(whole.last, next.first);
        whole = {
          first: whole.isOptional ? [...whole.first, ...next.first] : whole.first,
          last: next.isOptional ? [...whole.last, ...next.last] : next.last,
          isOptional: whole.isOptional && next.isOptional,
          follow,
        };
      }
      return whole;
    }
    case "repeat": {
      const inner = positionsOf(pattern.part, follow);
      if (pattern.most > 1) joined(inner.last, inner.first);
      return { ...inner, isOptional: inner.isOptional || pattern.least === 0 };
    }
  }
}

/** Writes a pattern in front of a place. @returns where it begins; undefined for too many places */
function placed(pattern: Pattern, next: number, places: Place[]): number | undefined {
  if (places.length > mostPlaces) return undefined;
  const at = (place: Place) => places.push(place) - 1;
  switch (pattern.type) {
    case "set":
      return at({ set: pattern.ranges, next: [next] });
    case "sequence":
      return pattern.parts.reduceRight<number | undefined>((behind, part) => (behind === undefined ? undefined : placed(part, behind, places)), next);
    case "choice": {
      const begins = pattern.parts.map((part) => placed(part, next, places));
      return begins.includes(undefined) ? undefined : at({ next: begins as number[] });
    }
    case "repeat": {
      const { part, least, most } = pattern;
      let behind: number | undefined = next;
      if (most === Infinity) {
        const loop: Place = { next: [next] };
        behind = at(loop);
        const again = placed(part, behind, places);
        if (again === undefined) return undefined;
        loop.next.push(again);
      }
      for (let count = most === Infinity ? least : most; count > 0 && behind !== undefined; count--) {
        const inner: number | undefined = placed(part, behind, places);
        behind = inner === undefined ? undefined : count > least ? at({ next: [inner, next] }) : inner;
      }
      return behind;
    }
  }
}

/** Places with a set, and the end, that are reached without a character; in order. */
function closure(from: readonly number[], places: readonly Place[]): number[] {
  const seen = new Set<number>();
  const open = [...from];
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    if (seen.has(place)) continue;
    seen.add(place);
    if (places[place]!.set === undefined) open.push(...places[place]!.next);
  }
  return [...seen].filter((place) => place === 0 || places[place]!.set !== undefined).toSorted((a, b) => a - b);
}

/** Ranges that every set has whole or not at all. */
function partition(sets: readonly (readonly CharacterRange[])[]): CharacterRange[] {
  const borders = [...new Set(sets.flatMap((set) => set.flatMap(([from, to]) => [from, to + 1])))].toSorted((a, b) => a - b);
  return borders.slice(0, -1).map((border, index) => [border, borders[index + 1]! - 1] as const);
}

function has(set: readonly CharacterRange[], character: number): boolean {
  return set.some(([from, to]) => from <= character && character <= to);
}
