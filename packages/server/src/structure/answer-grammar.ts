import { InvalidRequestError } from "@elastic-attention/core";
import type { CompiledGrammar, GrammarCompiler, StructuralTagFormat, TagFormat } from "@mlc-ai/web-xgrammar";
import type { CallForm } from "../answer/tool-calls/call-form.js";
import { schemaGrammar } from "./schema/schema-grammar.js";

/** A schema, or undefined for any object. */
export type JsonSchema = Readonly<Record<string, unknown>> | undefined;

/** A tool whose calls are held to its schema. */
export interface HeldTool {
  readonly name: string;
  readonly schema?: JsonSchema;
}

/** JSON under a schema. @throws InvalidRequestError for one that cannot be enforced */
export async function compileJson(compiler: GrammarCompiler, schema: JsonSchema): Promise<CompiledGrammar> {
  return compileFormats(compiler, [jsonFormat(schema)]);
}

/** Any of some formats. @throws InvalidRequestError */
export async function compileFormats(compiler: GrammarCompiler, formats: readonly StructuralTagFormat[]): Promise<CompiledGrammar> {
  const format: StructuralTagFormat = formats.length === 1 ? formats[0]! : { type: "or", elements: [...formats] };
  return compiled(() => compiler.compileStructuralTag({ type: "structural_tag", format }));
}

/** JSON under a schema, as a part of a larger format. @throws InvalidRequestError for one that cannot be enforced */
export function jsonFormat(schema: JsonSchema): StructuralTagFormat {
  return { type: "grammar", grammar: schemaGrammar(schema ?? { type: "object" }) };
}

/** Calls with the opener in front of them. @param parallel whether there may be several */
export function callsFormat(form: CallForm, tools: readonly HeldTool[], parallel: boolean): StructuralTagFormat {
  const { opener, closer, list, separator } = form;
  if (!parallel || list !== undefined || separator === undefined) return callsBehind(opener, form, tools, parallel);
  // One tag around all of them, so that what may follow is known: between two calls one closes and the other opens.
  const calls = severalCalls(callTags(form, tools, "", ""), closer + separator + opener);
  return closer === "" ? { type: "sequence", elements: [{ type: "const_string", value: opener }, calls] } : { type: "tag", begin: opener, content: calls, end: closer };
}

/** What follows an opener: one call, or the list that shares it. */
export function callsBehindOpener(form: CallForm, tools: readonly HeldTool[], parallel: boolean): StructuralTagFormat {
  return callsBehind("", form, tools, parallel && form.list !== undefined);
}

function callsBehind(before: string, form: CallForm, tools: readonly HeldTool[], several: boolean): StructuralTagFormat {
  const { open = "", separator = "", close = "" } = form.list ?? {};
  if (several) return { type: "tag", begin: before + open, content: severalCalls(callTags(form, tools, "", ""), separator), end: close };
  const tags = callTags(form, tools, before + open, form.closer + close);
  return tags.length === 1 ? tags[0]! : { type: "or", elements: tags };
}

function severalCalls(tags: TagFormat[], separator: string): StructuralTagFormat {
  return { type: "tags_with_separator", tags, separator, at_least_one: true };
}

function callTags({ head, tail }: CallForm, tools: readonly HeldTool[], before: string, behind: string): TagFormat[] {
  return tools.map(({ name, schema }) => ({ type: "tag", begin: before + head(name), content: jsonFormat(schema), end: tail + behind }));
}

async function compiled<Result>(compile: () => Promise<Result>): Promise<Result> {
  try {
    return await compile();
  } catch (cause) {
    if (InvalidRequestError.isInstance(cause)) throw cause;
    // The library's own words are about its inside.
    throw new InvalidRequestError("The JSON schema cannot be followed: no grammar could be made of it.", "Simplify it.");
  }
}
