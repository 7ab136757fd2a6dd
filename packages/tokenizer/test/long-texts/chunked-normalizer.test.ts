import { describe, expect, it } from "vitest";
import { BertNormalizer } from "../../src/normalizers/bert-normalizer.js";
import { ChunkedNormalizer } from "../../src/normalizers/chunked-normalizer.js";
import { CharacterFilter, type Normalizer } from "../../src/normalizers/normalizer.js";
import { ByteLevelNormalizer, LowercaseNormalizer, NmtNormalizer } from "../../src/normalizers/simple-normalizers.js";
import { UnicodeFormNormalizer } from "../../src/normalizers/unicode-form.js";
import { combiningMarks } from "../../src/unicode/bert-characters.js";
import { separates } from "../../src/unicode/plain-characters.js";
import { replaceUnit, UnitReplacer } from "../../src/unicode/replace-unit.js";

/** What composes, reorders, joins graphemes or changes its length, among plain characters. */
const units = [
  ...Array.from("aeio \r\n#1가한あかハ中文字Σςßﬁİ"),
  ...Array.from("\u0301\u0323\u0308\u3099\u309a\u1100\u1161\u11a8\u0600\u06dd\u200d\u200c\ufe0f\u20e3\u00ad\u0e33\u093f\u115f\ufffd\u2581"),
  "👩‍👩‍👧", "🇩🇪", "🏳️‍🌈", "é", "ﾊﾞ", "\u{11099}\u{110ba}", "㋿",
];

function mixedText(length: number, seed: number): string {
  let state = seed;
  const parts: string[] = [];
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    parts.push(units[Math.floor((state / 2 ** 32) * units.length)]!);
  }
  return parts.join("");
}

const bert = { cleanText: true, handleChineseChars: true, stripAccents: true, lowercase: true };
const normalizers: readonly (readonly [string, Normalizer])[] = [
  ...(["NFC", "NFD", "NFKC", "NFKD"] as const).map((form) => [form, new UnicodeFormNormalizer(form)] as const),
  ["Lowercase", new LowercaseNormalizer()],
  ["StripAccents", new CharacterFilter(combiningMarks)],
  ["BertNormalizer", new BertNormalizer(bert)],
  ["ByteLevel", new ByteLevelNormalizer()],
  ["Nmt", new NmtNormalizer()],
];

describe("a long text that is normalized in chunks", () => {
  it.each(normalizers)("comes out as at once: %s", (_, inner) => {
    for (const seed of [1, 2, 3]) {
      const text = mixedText(90_000, seed);
      const [chunks, whole] = [{ atStart: true }, { atStart: true }];
      expect(new ChunkedNormalizer(inner).normalize(text, chunks) === inner.normalize(text, whole)).toBe(true);
      expect(chunks).toEqual(whole);
    }
  });

  it("is never cut within a grapheme", () => {
    const text = mixedText(20_000, 4);
    const starts = new Set(Array.from(new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(text), ({ index }) => index));
    const cuts = Array.from({ length: text.length - 1 }, (_, index) => index + 1).filter((place) => separates(text, place));
    expect(cuts.length).toBeGreaterThan(1000);
    expect(cuts.filter((place) => !starts.has(place))).toEqual([]);
  });

  it("has single characters replaced as replaceAll does", () => {
    const text = mixedText(5000, 5);
    for (const [sought, content] of [[" ", "▁"], ["a", "$"], ["中", "a"], ["?", "!"]] as const) {
      expect(replaceUnit(text, sought, content)).toBe(text.replaceAll(sought, () => content));
    }
    const replacer = new UnitReplacer("a \u2581中\n", "$");
    for (const part of [text, "", "bcd", "b\n"]) expect(replacer.replace(part)).toBe(part.replaceAll(/[a \u2581中\n]/g, "$$"));
  });
});
