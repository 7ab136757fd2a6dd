/** How a byte-level vocabulary wants text cut before its merges. */
export interface PreTokenizer {
  /** Applied one after the other; what a pattern matches, and what lies between, is a piece each. */
  readonly patterns: readonly string[];
  /** Whether a piece that is a token as a whole is taken without merging. */
  readonly ignoreMerges?: boolean;
  /** Whether a begin token goes in front where the file does not say. */
  readonly addBegin?: boolean;
}

const contractions = String.raw`(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])`;
const spaces = String.raw`\s*[\r\n]+|\s+(?!\S)|\s+`;
const gpt2 = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;
const singleDigit = String.raw`\p{N}`;
const upToThreeDigits = String.raw`\p{N}{1,3}`;

/** Words with one character before them, digits in groups, punctuation with the line breaks behind it. */
const words = (digits: string): string => String.raw`${contractions}|[^\r\n\p{L}\p{N}]?\p{L}+|${digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|${spaces}`;

/** The same, with words cut where lower case turns to upper case. */
function casedWords(digits: string, suffix: string): string {
  const [upper, lower] = [String.raw`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`, String.raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`];
  const before = String.raw`[^\r\n\p{L}\p{N}]?`;
  return String.raw`${before}${upper}*${lower}+${suffix}|${before}${upper}+${lower}*${suffix}|${digits}| ?[^\s\p{L}\p{N}]+[\r\n/]*|${spaces}`;
}

const bloom = String.raw` ?[^(\s|.,!?…。，、।۔،)]+`;

const groups: readonly (readonly [names: readonly string[], preTokenizer: PreTokenizer])[] = [
  [["llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"], { patterns: [words(upToThreeDigits)], ignoreMerges: true, addBegin: true }],
  [["dbrx", "smaug-bpe", "chatglm-bpe", "glm4"], { patterns: [words(upToThreeDigits)] }],
  [["qwen2", "deepseek-r1-qwen", "megrez", "stablelm2", "hunyuan"], { patterns: [words(singleDigit)] }],
  [["gpt-2", "phi-2", "mpt", "olmo", "jais", "exaone4", "gigachat", "jina-es", "jina-de", "jina-v2-es", "jina-v2-de", "a.x-4.0", "mellum", "trillion"], { patterns: [gpt2] }],
  [["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"], { patterns: [singleDigit, gpt2] }],
  [["tekken"], { patterns: [casedWords(singleDigit, "")], ignoreMerges: true, addBegin: true }],
  [["gpt-4o", "llama4"], { patterns: [casedWords(upToThreeDigits, `${contractions}?`)] }],
  [["seed-coder"], { patterns: [String.raw`${contractions}|[^\r\n\p{L}\p{N}]?\p{L}+|${singleDigit}| ?[^\s\p{L}\p{N}\r\n]+|${spaces}`] }],
  [
    ["deepseek-v3"],
    {
      patterns: [
        upToThreeDigits,
        "[一-龥぀-ゟ゠-ヿ]+",
        String.raw`[!-/:-@\[-\x60{-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|${spaces}`,
      ],
    },
  ],
  [["falcon"], { patterns: [String.raw`[\p{P}$+<=>^~|\x60]+`, gpt2, "[0-9][0-9][0-9]"] }],
  [["bloom", "poro-chat", "gpt3-finnish"], { patterns: [bloom] }],
  [["viking"], { patterns: [bloom, singleDigit] }],
];

/** By the names that files give in `tokenizer.ggml.pre`. */
export const preTokenizers: ReadonlyMap<string, PreTokenizer> = new Map(
  groups.flatMap(([names, preTokenizer]) => names.map((name) => [name, preTokenizer] as const)),
);

/**
 * The name of that which cuts by the same patterns, as tokenizer.json gives them; undefined where there is none.
 * @param patterns regular expressions; "byte-level" and "digit" for the two that tokenizer.json has as steps of their own, and
 *   "contraction" within one for the endings that it matches in either case
 */
export function preTokenizerNamed(patterns: readonly string[], ignoreMerges: boolean): string | undefined {
  const written = patterns.map((pattern) => (pattern === "byte-level" ? gpt2 : pattern === "digit" ? singleDigit : pattern.replaceAll("contraction", contractions)));
  return groups.find(([, each]) => (each.ignoreMerges ?? false) === ignoreMerges && each.patterns.join("\n") === written.join("\n"))?.[0][0];
}
