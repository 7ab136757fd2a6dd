/** Texts that one letter folds to: "ß" equals "ss" under Oniguruma's `(?i)`, and never under JavaScript's. */
const joinedFolds = /ss|ff|fi|fl|st|ʼn|aʾ|\p{L}\p{M}|\p{Script=Greek}ι|եւ|մ[նեիխ]|վն/iu;

let cased: string[] | undefined;

/** Everything that equals a character when case does not count, itself first. */
export function caseVariants(character: string): string[] {
  const sought = new RegExp(`^[\\u{${character.codePointAt(0)!.toString(16)}}]$`, "iu");
  cased ??= casedCharacters();
  return [character, ...cased.filter((other) => other !== character && sought.test(other))];
}

/** Whether letters of a text, one or several side by side, equal another number of letters when case does not count. */
export function hasJoinedFold(text: string): boolean {
  return joinedFolds.test(text) || Array.from(text).some((character) => Array.from(character.toUpperCase()).length > 1);
}

function casedCharacters(): string[] {
  const found: string[] = [];
  for (let code = 0; code < 0x1_f000; code++) {
    if (code >= 0xd800 && code < 0xe000) continue;
    const character = String.fromCodePoint(code);
    if (character.toLowerCase() !== character || character.toUpperCase() !== character) found.push(character);
  }
  return found;
}
