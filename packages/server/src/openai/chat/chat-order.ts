import type { ChatTemplateOptions, ConstraintRequest } from "@elastic-attention/generation";
import { ApiError } from "../../errors/api-error.js";
import { routingOf, type RoutingSource } from "../../answer/elastic-settings.js";
import type { AnswerOrder } from "../../answer/running-answer.js";
import { callForm } from "../../answer/tool-calls/call-form.js";
import type { ServerContext } from "../../server-context.js";
import { answerConstraintName, type AnswerConstraintOptions } from "../../structure/answer-constraint.js";
import { schemaProblem } from "../../structure/schema/schema-grammar.js";
import { cannotHonour, samplingOf } from "../sampling-fields.js";
import type { ChatBody } from "./chat-schema.js";
import { heldCalls, toolChoice } from "./chat-tools.js";
import { withDescribedTools } from "./described-tools.js";
import { templateMessages, templateTools } from "./template-messages.js";

/** What a chat asks of the engine. @throws ApiError 400 for what cannot be honoured, naming the field */
export async function chatOrder(context: ServerContext, body: ChatBody, request: RoutingSource): Promise<AnswerOrder> {
  refuseUnsupported(body);
  const choice = toolChoice(body);
  const speaksOfTools = choice.tools.length > 0 || body.messages.some((message) => message.role === "tool" || (message.role === "assistant" && (message.tool_calls ?? []).length > 0));
  const template = speaksOfTools ? await context.markers.toolTemplate() : undefined;
  const calls = template === undefined ? undefined : heldCalls(context, body, choice, template);
  const format = heldFormat(context, body.response_format);
  const tools = templateTools(choice.tools);
  const describes = template?.showsTools === false;
  const chatTemplate = templateOptions(context, body, describes ? [] : tools);
  const opensThinking = await context.markers.opensThinking(chatTemplate);
  const messages = templateMessages(body.messages);
  const maxTokens = body.max_completion_tokens ?? body.max_tokens;
  const constraint = calls === undefined && format === undefined ? undefined : constraintOf({ thinks: opensThinking, format, calls });
  return {
    generation: {
      messages: describes ? withDescribedTools(messages, tools) : messages,
      chatTemplate,
      ...(constraint === undefined ? {} : { constraint }),
      ...(body.logprobs === true ? { logprobs: body.top_logprobs ?? 0 } : {}),
      ...samplingOf({ ...body, max_tokens: maxTokens }, context),
      ...routingOf(body.elastic, request, context.options.routing),
    },
    recordsPrompt: body.elastic?.record === true,
    text: {
      tools: new Set(choice.callable.map(({ function: { name } }) => name)),
      heldForm: calls === undefined ? undefined : callForm(calls.form),
      opensThinking,
      splitsThoughts: true,
    },
  };
}

function templateOptions({ engine }: ServerContext, body: ChatBody, tools: ReturnType<typeof templateTools>): ChatTemplateOptions {
  const { reasoning_effort: effort, add_generation_prompt: addGenerationPrompt, continue_final_message: continueFinalMessage } = body;
  const { enable_thinking: thinking, ...variables } = body.chat_template_kwargs ?? {};
  if (thinking !== undefined && typeof thinking !== "boolean") throw ApiError.invalid("chat_template_kwargs.enable_thinking", "chat_template_kwargs.enable_thinking must be true or false.");
  if (effort != null && !engine.model.hasThinkingSwitch) throw cannotHonour("reasoning_effort", "the model's chat template has no switch for thinking");
  const thinks = thinking ?? (effort == null ? undefined : effort !== "none");
  return {
    ...(tools.length === 0 ? {} : { tools }),
    ...(thinks === undefined ? {} : engine.model.hasThinkingSwitch ? { thinking: thinks } : { variables: { enable_thinking: thinks } }),
    ...(Object.keys(variables).length === 0 ? {} : { variables: { ...variables } }),
    ...(addGenerationPrompt == null ? {} : { addGenerationPrompt }),
    ...(continueFinalMessage == null ? {} : { continueFinalMessage }),
  };
}

/** The JSON that an answer's text has to be; undefined for any text. @throws ApiError 400 where this server cannot enforce one */
function heldFormat({ options }: ServerContext, format: ChatBody["response_format"]): AnswerConstraintOptions["format"] {
  if (format == null || format.type === "text") return undefined;
  if (!options.enforcesFormats) throw cannotHonour("response_format", "this server cannot enforce a format");
  const schema = format.type === "json_schema" ? format.json_schema.schema : undefined;
  if (schema == null) return {};
  const problem = schemaProblem(schema);
  if (problem !== undefined) throw ApiError.invalid("response_format", problem);
  return { schema };
}

function constraintOf({ thinks, format, calls }: { readonly [Name in keyof AnswerConstraintOptions]-?: AnswerConstraintOptions[Name] | undefined }): ConstraintRequest {
  const options: AnswerConstraintOptions = {
    ...(thinks === true ? { thinks } : {}),
    ...(format === undefined ? {} : { format }),
    ...(calls === undefined ? {} : { calls }),
  };
  return { name: answerConstraintName, options };
}

function refuseUnsupported(body: ChatBody): void {
  for (const name of ["functions", "function_call", "audio", "prediction", "web_search_options"] as const) {
    if (body[name] != null) throw cannotHonour(name);
  }
  if (body.modalities?.some((kind) => kind !== "text") === true) throw cannotHonour("modalities", "only text is written");
  if (body.top_logprobs != null && body.logprobs !== true) throw ApiError.invalid("top_logprobs", "top_logprobs does nothing without logprobs.");
}
