import type { TokenConstraintContext, Tokenizer } from "@elastic-attention/generation";
import type { GrammarCompiler } from "@mlc-ai/web-xgrammar";
import { structureMarkers } from "../answer/tool-calls/tool-call-formats.js";
import { loadGrammars } from "./load-grammars.js";

/** Whether a grammar is of plain text, or of text with the markers of calls, which some vocabularies have as special tokens. */
export type GrammarText = "plain" | "marked";

/** Compilers keep what they compiled, so that a schema that comes again costs nothing. */
const compilers = new WeakMap<Tokenizer, Map<GrammarText, Promise<GrammarCompiler>>>();

/** The compiler for a model's vocabulary, made once. */
export function grammarCompiler(context: TokenConstraintContext, text: GrammarText): Promise<GrammarCompiler> {
  const ofTokenizer = compilers.get(context.tokenizer) ?? new Map<GrammarText, Promise<GrammarCompiler>>();
  compilers.set(context.tokenizer, ofTokenizer);
  const compiler = ofTokenizer.get(text) ?? makeCompiler(context, text);
  ofTokenizer.set(text, compiler);
  return compiler;
}

/**
 * Control characters but line feeds, as each kind of vocabulary writes them. JSON has them as escapes alone, which the
 * library's grammar of texts with a length does not say.
 */
const controls = {
  byte_level: /[\u0100-\u0109\u010B-\u011F]/,
  byte_fallback: /[^\n\P{Cc}]|^<0x(?:0[0-9B-F]|1[0-9A-F])>$/u,
  raw: /[^\n\P{Cc}]/u,
} as const;

async function makeCompiler({ tokenizer, vocabularySize, endOfText }: TokenConstraintContext, text: GrammarText): Promise<GrammarCompiler> {
  const { TokenizerInfo, GrammarCompiler } = loadGrammars();
  const type = tokenizer.tokenId("Ġ") !== undefined ? "byte_level" : tokenizer.tokenId("<0x0A>") !== undefined ? "byte_fallback" : "raw";
  const markers = new Set(text === "marked" ? structureMarkers : []);
  // Without a text, special tokens and control characters stand for nothing that an answer could hold.
  const textOf = (id: number, piece: string) => ((tokenizer.isSpecial(id) && !markers.has(piece)) || controls[type].test(piece) ? "" : piece);
  const vocabulary = Array.from({ length: vocabularySize }, (_, id) => textOf(id, tokenizer.token(id) ?? ""));
  const information = await TokenizerInfo.createTokenizerInfo(vocabulary, type, false, vocabularySize, [...endOfText]);
  return GrammarCompiler.createGrammarCompiler(information);
}
