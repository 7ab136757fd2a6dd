import { InvalidRequestError, TokenConstraintError } from "@elastic-attention/core";
import type { TokenConstraint, TokenConstraintContext, Tokenizer } from "@elastic-attention/generation";
import type { CompiledGrammar, GrammarCompiler, GrammarMatcher } from "@mlc-ai/web-xgrammar";
import { checkSchema } from "./check-schema.js";
import { loadGrammars } from "./load-grammars.js";

/** The name under which engines know it. */
export const jsonConstraintName = "json";

/** What answers are held to: a schema, or any JSON object. */
export interface JsonConstraintOptions {
  readonly schema?: Readonly<Record<string, unknown>>;
}

/** White space in a row: a model that likes it would fill its answer with it. */
const mostWhitespace = 2;

/** Compilers keep what they compiled, so that a schema that comes again costs nothing. */
const compilers = new WeakMap<Tokenizer, Promise<GrammarCompiler>>();

/**
 * Holds an answer to JSON while its tokens are drawn.
 * @throws InvalidRequestError for a schema that cannot be enforced whole
 */
export async function jsonConstraint(options: unknown, context: TokenConstraintContext): Promise<TokenConstraint> {
  const { schema = { type: "object" } } = (options ?? {}) as JsonConstraintOptions;
  const text = checkSchema(schema);
  const compiler = compilers.get(context.tokenizer) ?? makeCompiler(context);
  compilers.set(context.tokenizer, compiler);
  let grammar: CompiledGrammar;
  try {
    grammar = await (await compiler).compileJSONSchema(text, true, undefined, undefined, true, mostWhitespace);
  } catch (cause) {
    throw new InvalidRequestError(`The JSON schema cannot be followed: ${messageOf(cause)}.`, "Simplify it.");
  }
  const matcher = await loadGrammars().GrammarMatcher.createGrammarMatcher(grammar, undefined, context.endOfText.size === 0);
  const constraint = new MatchedConstraint(matcher);
  await constraint.prepare();
  return constraint;
}

class MatchedConstraint implements TokenConstraint {
  #mask: Int32Array | undefined;
  #failure: unknown;

  constructor(private readonly matcher: GrammarMatcher) {}

  get done(): boolean {
    return this.matcher.isTerminated();
  }

  /** Computes the next mask. The library answers by a promise that waits for nothing: it is kept before a step can have ended. */
  async prepare(): Promise<void> {
    this.#mask = undefined;
    if (this.done) return;
    try {
      this.#mask = await this.matcher.getNextTokenBitmask();
    } catch (error) {
      this.#failure = error;
    }
  }

  nextMask(): Int32Array | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#mask === undefined) throw new TokenConstraintError(jsonConstraintName, "was asked before its mask was there.");
    return this.#mask;
  }

  accept(token: number): void {
    if (!this.matcher.acceptToken(token)) throw new TokenConstraintError(jsonConstraintName, `does not take token ${token}.`);
    void this.prepare();
  }

  dispose(): void {
    this.matcher.dispose();
  }
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

async function makeCompiler({ tokenizer, vocabularySize, endOfText }: TokenConstraintContext): Promise<GrammarCompiler> {
  const { TokenizerInfo, GrammarCompiler } = loadGrammars();
  const type = tokenizer.tokenId("Ġ") !== undefined ? "byte_level" : tokenizer.tokenId("<0x0A>") !== undefined ? "byte_fallback" : "raw";
  // Without a text, special tokens and control characters stand for nothing that an answer could hold.
  const textOf = (id: number, piece: string) => (tokenizer.isSpecial(id) || controls[type].test(piece) ? "" : piece);
  const vocabulary = Array.from({ length: vocabularySize }, (_, id) => textOf(id, tokenizer.token(id) ?? ""));
  const information = await TokenizerInfo.createTokenizerInfo(vocabulary, type, false, vocabularySize, [...endOfText]);
  return GrammarCompiler.createGrammarCompiler(information);
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\.$/, "").slice(0, 300);
}
