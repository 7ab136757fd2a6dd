import { ApiError } from "../../errors/api-error.js";
import { callForm, takesSeveral } from "../../answer/tool-calls/call-form.js";
import type { ToolTemplate } from "../../answer/tool-calls/tool-template.js";
import type { ServerContext } from "../../server-context.js";
import type { AnswerConstraintOptions } from "../../structure/answer-constraint.js";
import { schemaProblem } from "../../structure/schema/schema-grammar.js";
import { cannotHonour } from "../sampling-fields.js";
import type { ChatBody } from "./chat-schema.js";
import type { Tool } from "./message-schema.js";

/** The tools that an answer may call, and whether it has to. */
export interface ToolChoice {
  /** Those that the model is told of. */
  readonly tools: readonly Tool[];
  /** Those that it may call. */
  readonly callable: readonly Tool[];
  readonly required: boolean;
  /** Whether it may call several; one that is named is called once. */
  readonly several: boolean;
}

/** @throws ApiError 400 for a choice that no tool fits */
export function toolChoice({ tools: given, tool_choice: choice, parallel_tool_calls: parallel }: Pick<ChatBody, "tools" | "tool_choice" | "parallel_tool_calls">): ToolChoice {
  const tools = given ?? [];
  const several = parallel !== false;
  if (choice == null || choice === "auto") return { tools, callable: tools, required: false, several };
  if (choice === "none") return { tools: [], callable: [], required: false, several };
  if (tools.length === 0) throw ApiError.invalid("tool_choice", "tool_choice asks for a call, and the request has no tools.");
  if (choice === "required") return { tools, callable: tools, required: true, several };
  const { name } = choice.function;
  const callable = tools.filter((tool) => tool.function.name === name);
  if (callable.length === 0) throw ApiError.invalid("tool_choice", `tool_choice names the tool ${JSON.stringify(name)}, and the request has no such tool.`);
  return { tools, callable, required: true, several: false };
}

/**
 * What calls are held to: strict tools to their schemas, and so is a call that is forced where its schema allows; other calls to
 * any object. Undefined where nothing is enforced: a server that cannot, and a model whose calls look like any other JSON.
 *
 * @throws ApiError 400 where a call is asked for, or a schema, that cannot be enforced
 */
export function heldCalls({ options }: Pick<ServerContext, "options">, body: ChatBody, choice: ToolChoice, template: ToolTemplate): AnswerConstraintOptions["calls"] {
  const { callable, required, several } = choice;
  if (callable.length === 0) return undefined;
  const strict = callable.findIndex(({ function: { strict: isStrict } }) => isStrict === true);
  const form = callForm(template.form);
  if (!options.enforcesFormats) {
    if (required) throw cannotHonour("tool_choice", "this server cannot force a call");
    if (strict >= 0) throw cannotHonour("tools", "this server cannot enforce the schema of a strict tool");
    if (!several) throw cannotHonour("parallel_tool_calls", "this server cannot hold an answer to one call");
    return undefined;
  }
  const isMarked = form.opener !== "";
  if (!isMarked && !required && strict < 0 && body.response_format == null) return undefined;
  const tools = callable.map(({ function: { name, parameters, strict: isStrict } }) => {
    if (parameters == null || (isStrict !== true && !required)) return { name };
    const problem = schemaProblem(parameters);
    if (problem === undefined) return { name, schema: parameters };
    if (isStrict !== true) return { name };
    throw ApiError.invalid(`tools.${(body.tools ?? []).findIndex((tool) => tool.function.name === name)}.function.parameters`, problem);
  });
  return { form: template.form, tools, required, parallel: several && takesSeveral(form) };
}
