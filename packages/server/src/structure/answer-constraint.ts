import type { TokenConstraint, TokenConstraintContext } from "@elastic-attention/generation";
import { type CallFormName, callForm, takesSeveral } from "../answer/tool-calls/call-form.js";
import { callsBehindOpener, callsFormat, compileFormats, compileJson, type HeldTool, jsonFormat, type JsonSchema } from "./answer-grammar.js";
import { FreeText } from "./free-text.js";
import { grammarCompiler } from "./grammar-compilers.js";
import { type CountedTexts, MatchedConstraint } from "./matched-constraint.js";
import { type LimitedPart, TextLimits } from "./text-limits.js";
import { TokenTexts } from "./token-texts.js";
import { AfterThoughts } from "./after-thoughts.js";

/** The name under which engines know it. */
export const answerConstraintName = "structure";

/** What an answer is held to. Plain data: it crosses threads. */
export interface AnswerConstraintOptions {
  /** Whether the prompt has opened the model's thoughts: until they end, anything may be written. Default false. */
  readonly thinks?: boolean;
  /** JSON that the answer's text has to be; default: any text. */
  readonly format?: { readonly schema?: JsonSchema };
  readonly calls?: {
    readonly form: CallFormName;
    readonly tools: readonly HeldTool[];
    /** Whether the answer has to call one. */
    readonly required: boolean;
    /** Whether it may call several. */
    readonly parallel: boolean;
  };
}

/**
 * Holds an answer to a format, or its calls to the schemas of their tools, while its tokens are drawn.
 * @throws InvalidRequestError for a schema that cannot be enforced whole
 */
export async function answerConstraint(options: unknown, context: TokenConstraintContext): Promise<TokenConstraint> {
  const { thinks = false, ...rest } = (options ?? {}) as AnswerConstraintOptions;
  const held = await makeConstraint(rest, context);
  return thinks ? new AfterThoughts(context, held) : held;
}

async function makeConstraint({ format, calls }: Omit<AnswerConstraintOptions, "thinks">, context: TokenConstraintContext): Promise<TokenConstraint> {
  const endsByItself = context.endOfText.size === 0;
  if (calls === undefined) {
    const grammar = await compileJson(await grammarCompiler(context, "plain"), format?.schema);
    return MatchedConstraint.make(answerConstraintName, grammar, endsByItself, countedTexts(context, [formatPart(format)]));
  }
  const form = callForm(calls.form);
  const parallel = calls.parallel && takesSeveral(form);
  const compiler = await grammarCompiler(context, "marked");
  const parts = calls.tools.flatMap(({ name, schema }) => (schema === undefined ? [] : [{ head: form.head(name), schema }]));
  if (!calls.required && format === undefined) {
    const grammar = await compileFormats(compiler, [callsBehindOpener(form, calls.tools, parallel)]);
    return new FreeText(context, form, await MatchedConstraint.make(answerConstraintName, grammar, true, countedTexts(context, parts)), parallel);
  }
  // Beside a format, calls that nothing closes come one at a time.
  const formats = [callsFormat(form, calls.tools, parallel && (calls.required || form.list !== undefined || form.closer !== ""))];
  if (!calls.required) formats.push(jsonFormat(format?.schema));
  const counted = countedTexts(context, calls.required ? parts : [formatPart(format), ...parts]);
  return MatchedConstraint.make(answerConstraintName, await compileFormats(compiler, formats), endsByItself, counted);
}

function formatPart(format: AnswerConstraintOptions["format"]): LimitedPart {
  return { head: "", schema: format?.schema ?? {} };
}

/** Undefined where the grammar counts everything. */
function countedTexts(context: TokenConstraintContext, parts: readonly LimitedPart[]): CountedTexts | undefined {
  if (parts.length === 0) return undefined;
  const texts = TokenTexts.of(context);
  const limits = TextLimits.of(parts, texts.areBytes);
  return limits === undefined ? undefined : { limits, texts };
}
