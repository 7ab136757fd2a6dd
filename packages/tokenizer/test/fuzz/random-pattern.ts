/** Draws a number below a bound. */
export type Draw = (below: number) => number;

/** A generator of its own, so that a seed names a run. */
export function numbers(seed: number): Draw {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const atoms = [
  "a", "b", " ", ".", "\\s", "\\S", "\\d", "\\w", "\\p{L}", "\\p{N}", "\\P{Lu}", "[^\\s\\p{L}]", "[a-z]", "[[:alpha:]&&[^a]]", "\\r\\n", "^", "$", "\\b", "\\B", "\\A", "\\z", "\\R", "ﬁ", "ß", "\\x{1F600}", "😀",
  "\\1", "\\X", "\\", "[", "]", "(", ")", "{", "}", "\u0000",
];
const openings = ["(", "(?:", "(?i:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i)", "(?x: ", "(?<n>"];
const quantifiers = ["*", "+", "?", "*?", "+?", "??", "*+", "++", "?+", "{3}", "{2,}", "{0,5}", "{,4}", "{9999}", "{2,1}", "{1,99999}?"];

/** Patterns as strangers may write them: mostly valid, often slow. */
export function randomPattern(draw: Draw, depth = 0): string {
  let pattern = "";
  for (let count = 1 + draw(4); count > 0; count--) {
    const kind = draw(10);
    if (kind < 3 && depth < 5) pattern += `${openings[draw(openings.length)]!}${randomPattern(draw, depth + 1)})`;
    else if (kind === 3) pattern += `|${atoms[draw(12)]!}`;
    else pattern += atoms[draw(draw(8) === 0 ? atoms.length : 26)]!;
    if (draw(3) === 0) pattern += quantifiers[draw(quantifiers.length)]!;
  }
  return pattern;
}
