import type { IncomingHttpHeaders } from "node:http";
import type { ChatTemplateOptions, ConstraintRequest } from "@elastic-attention/generation";
import { ApiError } from "../../errors/api-error.js";
import { routingOf } from "../../answer/elastic-settings.js";
import type { AnswerOrder } from "../../answer/running-answer.js";
import type { ServerContext } from "../../server-context.js";
import { jsonConstraintName } from "../../structure/json-constraint.js";
import { cannotHonour, samplingOf } from "../sampling-fields.js";
import type { ChatBody } from "./chat-schema.js";
import { templateMessages, templateTools } from "./template-messages.js";

/** What a chat asks of the engine. @throws ApiError 400 for what cannot be honoured, naming the field */
export async function chatOrder(context: ServerContext, body: ChatBody, headers: IncomingHttpHeaders): Promise<AnswerOrder> {
  refuseUnsupported(body);
  const constraint = formatConstraint(context, body.response_format);
  const tools = body.tool_choice === "none" ? [] : (body.tools ?? []);
  const chatTemplate = templateOptions(context, body, tools);
  const opensThinking = await context.markers.opensThinking(chatTemplate);
  if (opensThinking && constraint !== undefined) throw cannotHonour("response_format", "the model would think before its answer; set chat_template_kwargs.enable_thinking to false");
  const maxTokens = body.max_completion_tokens ?? body.max_tokens;
  return {
    generation: {
      messages: templateMessages(body.messages),
      chatTemplate,
      ...(constraint === undefined ? {} : { constraint }),
      ...(body.logprobs === true ? { logprobs: body.top_logprobs ?? 0 } : {}),
      ...samplingOf({ ...body, max_tokens: maxTokens }, context.options),
      ...routingOf(body.elastic, headers, context.options.routing),
    },
    recordsPrompt: body.elastic?.record === true,
    text: {
      tools: new Set(tools.map(({ function: { name } }) => name)),
      opensThinking,
      splitsThoughts: true,
    },
  };
}

function templateOptions({ engine }: ServerContext, body: ChatBody, tools: NonNullable<ChatBody["tools"]>): ChatTemplateOptions {
  const { reasoning_effort: effort, add_generation_prompt: addGenerationPrompt, continue_final_message: continueFinalMessage } = body;
  const { enable_thinking: thinking, ...variables } = body.chat_template_kwargs ?? {};
  if (thinking !== undefined && typeof thinking !== "boolean") throw ApiError.invalid("chat_template_kwargs.enable_thinking", "chat_template_kwargs.enable_thinking must be true or false.");
  if (effort != null && !engine.model.hasThinkingSwitch) throw cannotHonour("reasoning_effort", "the model's chat template has no switch for thinking");
  const thinks = thinking ?? (effort == null ? undefined : effort !== "none");
  return {
    ...(tools.length === 0 ? {} : { tools: templateTools(tools) }),
    ...(thinks === undefined ? {} : engine.model.hasThinkingSwitch ? { thinking: thinks } : { variables: { enable_thinking: thinks } }),
    ...(Object.keys(variables).length === 0 ? {} : { variables: { ...variables } }),
    ...(addGenerationPrompt == null ? {} : { addGenerationPrompt }),
    ...(continueFinalMessage == null ? {} : { continueFinalMessage }),
  };
}

/** What holds an answer to a format; undefined for plain text. @throws ApiError 400 where this server cannot enforce one */
function formatConstraint({ options }: ServerContext, format: ChatBody["response_format"]): ConstraintRequest | undefined {
  if (format == null || format.type === "text") return undefined;
  if (!options.enforcesFormats) throw cannotHonour("response_format", "this server cannot enforce a format");
  const schema = format.type === "json_schema" ? format.json_schema.schema : undefined;
  return { name: jsonConstraintName, options: schema == null ? {} : { schema } };
}

function refuseUnsupported(body: ChatBody): void {
  for (const name of ["functions", "function_call", "audio", "prediction", "web_search_options"] as const) {
    if (body[name] != null) throw cannotHonour(name);
  }
  if (body.modalities?.some((kind) => kind !== "text") === true) throw cannotHonour("modalities", "only text is written");
  if (body.top_logprobs != null && body.logprobs !== true) throw ApiError.invalid("top_logprobs", "top_logprobs does nothing without logprobs.");
  const { tool_choice: choice, tools } = body;
  if (choice != null && choice !== "none" && choice !== "auto") throw cannotHonour("tool_choice", "this server cannot force a call");
  if (tools?.some(({ function: { strict } }) => strict === true) === true) throw cannotHonour("tools", "this server cannot enforce the schema of a strict tool");
}
