import { InvalidRequestError } from "@elastic-attention/core";
import type { CompiledGrammar, GrammarCompiler, StructuralTagFormat, TagFormat } from "@mlc-ai/web-xgrammar";
import type { CallForm } from "../answer/tool-calls/call-form.js";
import { type CheckedSchema, checkSchema, integerMark } from "./check-schema.js";
import { loadGrammars } from "./load-grammars.js";

/** White space in a row: a model that likes it would fill its answer with it. */
const mostWhitespace = 2;

/** A schema, or undefined for any object. */
export type JsonSchema = Readonly<Record<string, unknown>> | undefined;

/** A tool whose calls are held to its schema. */
export interface HeldTool {
  readonly name: string;
  readonly schema?: JsonSchema;
}

/** JSON under a schema. @throws InvalidRequestError for one that cannot be enforced whole */
export async function compileJson(compiler: GrammarCompiler, schema: JsonSchema): Promise<CompiledGrammar> {
  const checked = checkSchema(schema ?? { type: "object" });
  if (checked.integers.length === 0) return compiled(() => compiler.compileJSONSchema(checked.text, true, undefined, undefined, true, mostWhitespace));
  // The compiler's own way from a text would write the escapes that have no end again.
  return compileFormats(compiler, [{ type: "grammar", grammar: await compiled(() => schemaGrammar(checked)) }]);
}

/** Any of some formats. @throws InvalidRequestError */
export async function compileFormats(compiler: GrammarCompiler, formats: readonly StructuralTagFormat[]): Promise<CompiledGrammar> {
  const format: StructuralTagFormat = formats.length === 1 ? formats[0]! : { type: "or", elements: [...formats] };
  return compiled(() => compiler.compileStructuralTag({ type: "structural_tag", format }));
}

/** JSON under a schema, as a part of a larger format. @throws InvalidRequestError for one that cannot be enforced whole */
export async function jsonFormat(schema: JsonSchema): Promise<StructuralTagFormat> {
  const checked = checkSchema(schema ?? { type: "object" });
  return { type: "grammar", grammar: await compiled(() => schemaGrammar(checked)) };
}

/** The grammar of a schema as text. */
async function schemaGrammar({ text, integers }: CheckedSchema): Promise<string> {
  const grammar = await loadGrammars().Grammar.fromJSONSchema(text, true, undefined, undefined, true, mostWhitespace);
  try {
    return integers.reduce((whole, integer, index) => whole.replaceAll(`"\\"${integerMark(index)}\\""`, integer), withWholeEscapes(grammar.toString()));
  } finally {
    grammar.dispose();
  }
}

/** The library writes `ß` as `\xdf`, and reads a hexadecimal digit behind it as a part of that: `\u00df` has an end. */
function withWholeEscapes(grammar: string): string {
  return grammar.replaceAll(/\\(?:x([0-9a-fA-F]{2})|.)/gs, (escape, digits: string | undefined) => (digits === undefined ? escape : `\\u00${digits}`));
}

/** Calls with the opener in front of them. @param parallel whether there may be several */
export async function callsFormat(form: CallForm, tools: readonly HeldTool[], parallel: boolean): Promise<StructuralTagFormat> {
  const { opener, closer, list, separator } = form;
  if (!parallel || list !== undefined || separator === undefined) return callsBehind(opener, form, tools, parallel);
  // One tag around all of them, so that what may follow is known: between two calls one closes and the other opens.
  const calls = severalCalls(await callTags(form, tools, "", ""), closer + separator + opener);
  return closer === "" ? { type: "sequence", elements: [{ type: "const_string", value: opener }, calls] } : { type: "tag", begin: opener, content: calls, end: closer };
}

/** What follows an opener: one call, or the list that shares it. */
export function callsBehindOpener(form: CallForm, tools: readonly HeldTool[], parallel: boolean): Promise<StructuralTagFormat> {
  return callsBehind("", form, tools, parallel && form.list !== undefined);
}

async function callsBehind(before: string, form: CallForm, tools: readonly HeldTool[], several: boolean): Promise<StructuralTagFormat> {
  const { open = "", separator = "", close = "" } = form.list ?? {};
  if (several) return { type: "tag", begin: before + open, content: severalCalls(await callTags(form, tools, "", ""), separator), end: close };
  const tags = await callTags(form, tools, before + open, form.closer + close);
  return tags.length === 1 ? tags[0]! : { type: "or", elements: tags };
}

function severalCalls(tags: TagFormat[], separator: string): StructuralTagFormat {
  return { type: "tags_with_separator", tags, separator, at_least_one: true };
}

function callTags({ head, tail }: CallForm, tools: readonly HeldTool[], before: string, behind: string): Promise<TagFormat[]> {
  return Promise.all(tools.map(async ({ name, schema }) => ({ type: "tag", begin: before + head(name), content: await jsonFormat(schema), end: tail + behind })));
}

async function compiled<Result>(compile: () => Promise<Result>): Promise<Result> {
  try {
    return await compile();
  } catch (cause) {
    const message = (cause instanceof Error ? cause.message : String(cause)).replace(/\.$/, "").slice(0, 300);
    throw new InvalidRequestError(`The JSON schema cannot be followed: ${message}.`, "Simplify it.");
  }
}
