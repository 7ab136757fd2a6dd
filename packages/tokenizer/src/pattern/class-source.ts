/** The sources of character classes, for the `v` flag, with Oniguruma's (Unicode 16) meaning of each name. */

/** Code points that Unicode 17 assigned: patterns see them as unassigned, whatever the JavaScript engine knows. */
export const assignedLater =
  "\\u{88f}\\u{c5c}\\u{cdc}\\u{1acf}-\\u{1add}\\u{1ae0}-\\u{1aeb}\\u{20c1}\\u{2b96}\\u{a7ce}-\\u{a7cf}\\u{a7d2}\\u{a7d4}\\u{a7f1}\\u{fbc3}-\\u{fbd2}" +
  "\\u{fd90}-\\u{fd91}\\u{fdc8}-\\u{fdce}\\u{10940}-\\u{10959}\\u{10ec5}-\\u{10ec7}\\u{10ed0}-\\u{10ed8}\\u{10efa}-\\u{10efb}" +
  "\\u{11b60}-\\u{11b67}\\u{11db0}-\\u{11ddb}\\u{11de0}-\\u{11de9}\\u{16ea0}-\\u{16eb8}\\u{16ebb}-\\u{16ed3}\\u{16ff2}-\\u{16ff6}" +
  "\\u{187f8}-\\u{187ff}\\u{18d09}-\\u{18d1e}\\u{18d80}-\\u{18df2}\\u{1ccfa}-\\u{1ccfc}\\u{1ceba}-\\u{1ced0}\\u{1cee0}-\\u{1cef0}" +
  "\\u{1e6c0}-\\u{1e6de}\\u{1e6e0}-\\u{1e6f5}\\u{1e6fe}-\\u{1e6ff}\\u{1f6d8}\\u{1f777}-\\u{1f77a}\\u{1f8d0}-\\u{1f8d8}\\u{1fa54}-\\u{1fa57}" +
  "\\u{1fa8a}\\u{1fa8e}\\u{1fac8}\\u{1facd}\\u{1faea}\\u{1faef}\\u{1fbfa}\\u{2b73a}-\\u{2b73f}\\u{2cea2}-\\u{2cead}\\u{323b0}-\\u{33479}";

const later = `[${assignedLater}]`;
const known = (items: string): string => `[[${items}]--${later}]`;

/** White space of Unicode. JavaScript's own `\s` lacks U+0085 and has U+FEFF. */
export const whiteSpace = "\\t-\\r\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";

export const spaceClass = `[${whiteSpace}]`;
export const digitClass = known("\\p{Nd}");
export const wordClass = known("\\p{L}\\p{M}\\p{Nd}\\p{Pc}");
export const hexDigitClass = "[0-9A-Fa-f]";
export const anyClass = "[^]";

const generalCategories = new Set(
  "L Lu Ll Lt Lm Lo M Mn Mc Me N Nd Nl No P Pc Pd Ps Pe Pi Pf Po S Sm Sc Sk So Z Zs Zl Zp Cc Cf Co".split(" "),
);

const longNames: Readonly<Record<string, string>> = {
  letter: "L", uppercaseletter: "Lu", lowercaseletter: "Ll", titlecaseletter: "Lt", modifierletter: "Lm", otherletter: "Lo",
  mark: "M", combiningmark: "M", nonspacingmark: "Mn", spacingmark: "Mc", enclosingmark: "Me",
  number: "N", decimalnumber: "Nd", letternumber: "Nl", othernumber: "No",
  punctuation: "P", connectorpunctuation: "Pc", dashpunctuation: "Pd", openpunctuation: "Ps", closepunctuation: "Pe",
  initialpunctuation: "Pi", finalpunctuation: "Pf", otherpunctuation: "Po",
  symbol: "S", mathsymbol: "Sm", currencysymbol: "Sc", modifiersymbol: "Sk", othersymbol: "So",
  separator: "Z", spaceseparator: "Zs", lineseparator: "Zl", paragraphseparator: "Zp",
  control: "Cc", format: "Cf", privateuse: "Co",
};

/** Names that are classes of their own, in brackets of POSIX (`[:alpha:]`) and in `\p{Alpha}` alike. */
const posixClasses: Readonly<Record<string, string>> = {
  alnum: known("\\p{Alphabetic}\\p{Nd}"),
  alpha: known("\\p{Alphabetic}"),
  ascii: "[\\x00-\\x7f]",
  blank: known("\\p{Zs}\\t"),
  cntrl: "\\p{Cc}",
  digit: digitClass,
  lower: known("\\p{Lowercase}"),
  space: spaceClass,
  upper: known("\\p{Uppercase}"),
  xdigit: hexDigitClass,
  word: wordClass,
};

/** Scripts that patterns of tokenizers name. */
const scripts = new Map(
  (
    "Arabic Armenian Bengali Bopomofo Braille Cherokee Common Coptic Cyrillic Devanagari Ethiopic Georgian Greek Gujarati Gurmukhi Han " +
    "Hangul Hebrew Hiragana Inherited Kannada Katakana Khmer Lao Latin Malayalam Mongolian Myanmar Oriya Sinhala Syriac Tamil Telugu Thaana " +
    "Thai Tibetan Yi"
  )
    .split(" ")
    .map((name) => [name.toLowerCase(), name]),
);

/** The class of a POSIX bracket name, or undefined. */
export function posixClass(name: string): string | undefined {
  if (name === "punct") return known("\\p{P}\\p{S}");
  return posixClasses[name];
}

/** The class of `\p{name}`, or undefined for names that are not supported. Case, spaces, `_` and `-` do not count, as in Oniguruma. */
export function propertyClass(name: string): string | undefined {
  const key = name.replace(/[\s_-]/gu, "").toLowerCase();
  for (const category of generalCategories) if (category.toLowerCase() === key) return categoryClass(category);
  const long = longNames[key];
  if (long !== undefined) return categoryClass(long);
  if (key === "any") return anyClass;
  if (key === "cn" || key === "unassigned") return `[\\p{Cn}${assignedLater}]`;
  if (key === "whitespace") return spaceClass;
  if (key === "alphabetic" || key === "uppercase" || key === "lowercase") return posixClasses[key.slice(0, 5)];
  if (key === "punct") return known("\\p{P}\\p{S}");
  const script = scripts.get(key);
  return script === undefined ? posixClasses[key] : known(`\\p{Script=${script}}`);
}

function categoryClass(category: string): string {
  // U+0295 became a letter without case only in Unicode 17.
  if (category === "Ll") return `[${known("\\p{Ll}")}\\u0295]`;
  if (category === "Lo") return `[[\\p{Lo}]--[\\u0295${assignedLater}]]`;
  return known(`\\p{${category}}`);
}
