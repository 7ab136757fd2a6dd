import { language } from "./language.js";
import type { SyntaxOptions } from "./lexer/syntax-options.js";
import type { TemplateLimits } from "./limits/template-limits.js";
import { Program, type RenderOptions } from "./program.js";
import type { Value } from "./values/value.js";

/** The settings under which transformers reads chat templates. */
export const transformersSettings = { trimBlocks: true, lstripBlocks: true, keepTrailingNewline: false } as const;

/** How a template is read; the defaults are jinja2's. */
export interface TemplateOptions extends Partial<SyntaxOptions> {
  /** Whether what is printed is escaped for HTML; default false. */
  readonly autoescape?: boolean;
  /** Limits of reading and of every rendering. */
  readonly limits?: Partial<TemplateLimits>;
}

/**
 * A jinja2 template over Python values, in jinja2's immutable sandbox. Parsed once; renderings share nothing.
 *
 * For chat templates use `ChatTemplate`, which does what transformers does around one.
 */
export class Template {
  readonly #program: Program;

  /** @throws TemplateSyntaxError, TemplateLimitError, TemplateInputError */
  constructor(source: string, options: TemplateOptions = {}) {
    const { trimBlocks = false, lstripBlocks = false, keepTrailingNewline = false, autoescape = false, limits = {} } = options;
    this.#program = new Program(source, { syntax: { trimBlocks, lstripBlocks, keepTrailingNewline }, language, autoescape, limits });
  }

  /**
   * @param context variables by their names; properties that are undefined do not exist
   * @throws TemplateRuntimeError, TemplateLimitError, TemplateInputError
   */
  render(context: Readonly<Record<string, unknown>> = {}, options: RenderOptions = {}): string {
    return this.#program.run(options, (reader) => {
      const values = new Map<string, Value>();
      for (const [name, value] of Object.entries(context)) if (value !== undefined) values.set(name, reader.read(value, name));
      return values;
    });
  }
}
