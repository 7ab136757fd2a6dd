/** Texts that one letter folds to: "ß" equals "ss" under Oniguruma's `(?i)`, and never under JavaScript's. */
const joinedFolds = /ss|ff|fi|fl|st|ʼn|aʾ|\p{L}\p{M}|\p{Script=Greek}ι|եւ|մ[նեիխ]|վն/iu;

/** Blocks that hold all letters with cases. */
const lastCased = 0x1_efff;
let characters: string | undefined;
const variants = new Map<string, string[]>();

/** Everything that equals a character when case does not count, itself first. */
export function caseVariants(character: string): readonly string[] {
  const known = variants.get(character);
  if (known !== undefined) return known;
  characters ??= allCharacters();
  const equals = new RegExp(`[\\u{${character.codePointAt(0)!.toString(16)}}]`, "giu");
  const found = [character, ...(characters.match(equals) ?? []).filter((other) => other !== character)];
  variants.set(character, found);
  return found;
}

/** Whether letters of a text, one or several side by side, equal another number of letters when case does not count. */
export function hasJoinedFold(text: string): boolean {
  return joinedFolds.test(text) || Array.from(text).some((character) => Array.from(character.toUpperCase()).length > 1);
}

function allCharacters(): string {
  const codes = Array.from({ length: lastCased + 1 }, (_, code) => code).filter((code) => code < 0xd800 || code > 0xdfff);
  let text = "";
  for (let start = 0; start < codes.length; start += 8192) text += String.fromCodePoint(...codes.slice(start, start + 8192));
  return text;
}
