import { Lexer, normalizeSource } from "../lexer/lexer.js";
import type { SyntaxOptions } from "../lexer/syntax-options.js";
import { Parser } from "../parser/parser.js";
import { TokenStream } from "../parser/token-stream.js";
import { FunctionLayout } from "../scope/function-layout.js";
import { Scope } from "../scope/scope.js";
import type { BlockFunction } from "./blocks.js";
import { ExpressionCompiler } from "./expression-compiler.js";
import { Frame } from "./frame.js";
import type { Language, RenderState } from "./render-state.js";
import { StatementCompiler } from "./statement-compiler.js";

/** A template that can be run. */
export interface CompiledTemplate {
  /** With normalized line ends: offsets refer to it. */
  readonly source: string;
  readonly blocks: ReadonlyMap<string, BlockFunction>;
  /** Writes the template into the state's output. */
  run(state: RenderState): void;
}

/** @throws TemplateSyntaxError, TemplateLimitError */
export function compileTemplate(text: string, syntax: SyntaxOptions, language: Language, nesting: number): CompiledTemplate {
  const source = normalizeSource(text, syntax.keepTrailingNewline);
  const body = new Parser(new TokenStream(source, new Lexer(source, syntax).tokens(), nesting)).parseTemplate();
  const statements = new StatementCompiler(source, new ExpressionCompiler(source, language, nesting));
  const layout = new FunctionLayout(undefined);
  const { enter, execute } = statements.blocks.root(body, new Scope(layout), true);
  return {
    source,
    blocks: statements.blocks.functions,
    run(state) {
      const frame = new Frame(state, layout.slotCount);
      enter(frame);
      execute(frame);
    },
  };
}
