import { type CompiledTemplate, compileTemplate } from "./compiler/compile-template.js";
import { type Language, RenderState } from "./compiler/render-state.js";
import { positionOf } from "./errors/source-position.js";
import { TemplateError } from "./errors/template-error.js";
import { TemplateInputError } from "./errors/template-input-error.js";
import { TemplateLimitError } from "./errors/template-limit-error.js";
import { InputReader } from "./json/from-javascript.js";
import type { SyntaxOptions } from "./lexer/syntax-options.js";
import { Meter } from "./limits/meter.js";
import { limitOfRangeError } from "./limits/stack-overflow.js";
import { completeLimits, type TemplateLimits } from "./limits/template-limits.js";
import type { Value } from "./values/value.js";

/** How one rendering differs from others. */
export interface RenderOptions {
  /** What `strftime_now` shows, in local time; default now. */
  readonly now?: Date | undefined;
  /** Instead of the template's own. */
  readonly limits?: Partial<TemplateLimits> | undefined;
}

export interface ProgramOptions {
  readonly syntax: SyntaxOptions;
  readonly language: Language;
  readonly autoescape: boolean;
  readonly limits: Partial<TemplateLimits>;
}

/** A template that was read once and runs over any context: what every kind of template is made of. */
export class Program {
  readonly #compiled: CompiledTemplate;
  readonly #options: ProgramOptions;
  readonly #limits: TemplateLimits;

  /** @throws TemplateSyntaxError, TemplateLimitError, TemplateInputError */
  constructor(source: string, options: ProgramOptions) {
    if (typeof source !== "string") throw new TemplateInputError("The source of a template must be a string.");
    this.#options = options;
    this.#limits = completeLimits(options.limits);
    const { sourceLength, nesting } = this.#limits;
    if (source.length > sourceLength) throw new TemplateLimitError("sourceLength", `The template has ${source.length} characters, more than ${sourceLength}.`);
    try {
      this.#compiled = compileTemplate(source, options.syntax, options.language, nesting);
    } catch (error) {
      throw limitOfRangeError(error);
    }
  }

  /** @param readContext gives the variables, from values that the reader has copied */
  run({ now, limits }: RenderOptions, readContext: (reader: InputReader) => ReadonlyMap<string, Value>): string {
    const complete = completeLimits({ ...this.#limits, ...limits });
    const reader = new InputReader(complete);
    const meter = new Meter(complete);
    const { source, blocks } = this.#compiled;
    let state: RenderState | undefined;
    try {
      const context = readContext(reader);
      meter.admitInput(reader.size);
      const { language, autoescape } = this.#options;
      state = new RenderState({ language, meter, context, blocks, autoescape, now: () => now ?? new Date() });
      this.#compiled.run(state);
      return state.output;
    } catch (thrown) {
      const error = limitOfRangeError(thrown);
      throw error instanceof TemplateError && state !== undefined ? error.locate(positionOf(source, state.offset)) : error;
    }
  }
}
