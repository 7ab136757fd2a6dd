/** Characters whose title case is neither their upper case nor made from it: digraphs, and Greek with iota subscript. */
const titleCharacters: ReadonlyMap<string, string> = new Map(
  Object.entries({
    "\u0149": "\u02bcN",
    "\u01c4": "\u01c5",
    "\u01c5": "\u01c5",
    "\u01c6": "\u01c5",
    "\u01c7": "\u01c8",
    "\u01c8": "\u01c8",
    "\u01c9": "\u01c8",
    "\u01ca": "\u01cb",
    "\u01cb": "\u01cb",
    "\u01cc": "\u01cb",
    "\u01f1": "\u01f2",
    "\u01f2": "\u01f2",
    "\u01f3": "\u01f2",
    "\u1fb2": "\u1fba\u0345",
    "\u1fb3": "\u1fbc",
    "\u1fb4": "\u0386\u0345",
    "\u1fb7": "\u1fbc\u0342",
    "\u1fbc": "\u1fbc",
    "\u1fc2": "\u1fca\u0345",
    "\u1fc3": "\u1fcc",
    "\u1fc4": "\u0389\u0345",
    "\u1fc7": "\u1fcc\u0342",
    "\u1fcc": "\u1fcc",
    "\u1ff2": "\u1ffa\u0345",
    "\u1ff3": "\u1ffc",
    "\u1ff4": "\u038f\u0345",
    "\u1ff7": "\u1ffc\u0342",
    "\u1ffc": "\u1ffc",
  }),
);

const lower = /\p{Lowercase}/u;
const upper = /\p{Uppercase}/u;
const title = /\p{Lt}/u;
const cased = /\p{Cased}/u;

function titleCharacter(character: string): string {
  const known = titleCharacters.get(character);
  if (known !== undefined) return known;
  const code = character.codePointAt(0)!;
  // Georgian letters keep their form at the beginning of a word; Greek pairs lie eight apart.
  if (code >= 0x10d0 && code <= 0x10ff) return character;
  if (code >= 0x1f80 && code <= 0x1faf) return String.fromCodePoint(code | 8);
  const [first, ...rest] = character.toUpperCase();
  return first + rest.join("").toLowerCase();
}

/** Python's `str.capitalize`. */
export function capitalize(text: string): string {
  const [first] = text;
  if (first === undefined) return text;
  // The sigma rule looks at the whole text.
  return titleCharacter(first) + text.toLowerCase().slice(first.toLowerCase().length);
}

/** Python's `str.title`: a letter after one that has case is lower. */
export function titleCase(text: string): string {
  let result = "";
  let word = "";
  const flush = () => {
    const [first] = word;
    if (first !== undefined) result += titleCharacter(first) + word.toLowerCase().slice(first.toLowerCase().length);
    word = "";
  };
  for (const character of text) {
    if (cased.test(character)) word += character;
    else {
      flush();
      result += character;
    }
  }
  flush();
  return result;
}

/** Python's `str.swapcase`. */
export function swapCase(text: string): string {
  let result = "";
  for (const character of text) {
    result += upper.test(character) ? character.toLowerCase() : lower.test(character) ? character.toUpperCase() : character;
  }
  return result;
}

/** Python's `str.casefold`. */
export function caseFold(text: string): string {
  let result = "";
  for (const character of text) result += foldCharacter(character);
  return result;
}

function foldCharacter(character: string): string {
  const code = character.codePointAt(0)!;
  if (code < 0x80) return character.toLowerCase();
  // The dotless i has no pair, and Cherokee folds to its upper case.
  if (code === 0x131) return character;
  if ((code >= 0x13a0 && code <= 0x13fd) || (code >= 0xab70 && code <= 0xabbf)) return character.toUpperCase();
  return character.toUpperCase().toLowerCase();
}

/** Python's `str.islower`. */
export function isLower(text: string): boolean {
  return lower.test(text) && !upper.test(text) && !title.test(text);
}

/** Python's `str.isupper`. */
export function isUpper(text: string): boolean {
  return upper.test(text) && !lower.test(text) && !title.test(text);
}

/** Python's `str.istitle`. */
export function isTitle(text: string): boolean {
  let found = false;
  let inWord = false;
  for (const character of text) {
    if (upper.test(character) || title.test(character)) {
      if (inWord) return false;
      inWord = found = true;
    } else if (lower.test(character)) {
      if (!inWord) return false;
    } else {
      inWord = false;
    }
  }
  return found;
}
