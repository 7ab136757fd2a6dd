import { TemplateInputError } from "../errors/template-input-error.js";

/**
 * What one template may use. Templates come with models, and models from strangers: every limit ends in a
 * `TemplateLimitError` that names it.
 */
export interface TemplateLimits {
  /** UTF-16 code units of the template's text. */
  readonly sourceLength: number;
  /** Nesting of brackets, blocks and operators in the template's text. */
  readonly nesting: number;
  /** Steps of a rendering: nodes of the template that are evaluated, and work inside of filters and methods. */
  readonly steps: number;
  /** Milliseconds of a rendering; a process that was kept from running meanwhile gets more. Rendering is synchronous: this is what interrupts it. */
  readonly milliseconds: number;
  /** Macros, recursive loops and blocks that are active at once. */
  readonly recursion: number;
  /** Nesting of values that are passed in, printed, compared or turned into JSON. */
  readonly valueDepth: number;
  /** Elements of one `range`, as jinja2's sandbox has it. */
  readonly rangeLength: number;
  /** UTF-16 code units of the rendered text; the size of the input is added 32 times. */
  readonly outputLength: number;
  /** Bytes of strings and lists that a rendering makes or scans, all together; the size of the input is added 32 times. */
  readonly memory: number;
  /** Bits of an integer. */
  readonly integerBits: number;
}

export const defaultLimits: TemplateLimits = {
  sourceLength: 1_000_000,
  nesting: 250,
  steps: 20_000_000,
  milliseconds: 500,
  recursion: 200,
  valueDepth: 250,
  rangeLength: 100_000,
  outputLength: 8_000_000,
  memory: 32_000_000,
  integerBits: 65_536,
};

/** How many times over a template may go through its input. */
export const inputAllowance = 32;

/** @throws TemplateInputError for a limit that does not exist or is no positive number */
export function completeLimits(limits: Partial<TemplateLimits> = {}): TemplateLimits {
  const complete: Record<string, number> = { ...defaultLimits };
  for (const [name, value] of Object.entries(limits)) {
    if (!(name in defaultLimits)) {
      throw new TemplateInputError(`There is no limit ${JSON.stringify(name)}.`, { hint: `Limits are ${Object.keys(defaultLimits).join(", ")}.` });
    }
    if (value === undefined) continue;
    if (typeof value !== "number" || !(value > 0)) {
      throw new TemplateInputError(`The limit ${name} must be a positive number.`, { hint: "Leave it out for the default; Infinity lifts it." });
    }
    complete[name] = value;
  }
  return complete as unknown as TemplateLimits;
}
