import { routingOf } from "../answer/elastic-settings.js";
import { mergeAnswers } from "../answer/merge-answers.js";
import { RunningAnswer, type StartedAnswer } from "../answer/running-answer.js";
import { streamAnswer } from "../answer/answer-writer.js";
import type { AnswerEvent } from "../answer/answer-event.js";
import { ApiError } from "../errors/api-error.js";
import type { App } from "../http/app.js";
import { clientGone } from "../http/client-gone.js";
import { sendDelayedJson } from "../http/delayed-json.js";
import type { ServerContext } from "../server-context.js";
import { collectCompletion, CompletionWriter, type PromptEvent } from "./completion.js";
import { type CompletionBody, completionSchema, promptsOf } from "./completion-schema.js";
import { requireModel } from "./require-model.js";
import { cannotHonour, samplingOf } from "./sampling-fields.js";

/** POST /v1/completions. */
export function completionRoute(app: App, context: ServerContext): void {
  app.post(
    "/v1/completions",
    { schema: { body: completionSchema, tags: ["OpenAI"], summary: "Continue a text" }, config: { generates: true } },
    async (request, reply) => {
      const { body } = request;
      requireModel(context, body.model);
      refuseUnsupported(body);
      const controller = new AbortController();
      const abort = () => controller.abort();
      const signal = AbortSignal.any([clientGone(request, reply), controller.signal]);
      const settings = { ...(body.logprobs == null ? {} : { logprobs: body.logprobs }), ...samplingOf(body, context), ...routingOf(body.elastic, request, context.options.routing) };
      const prompts = promptsOf(body.prompt);
      if (prompts.length > 1 && settings.session !== undefined) throw ApiError.invalid("elastic.session", "elastic.session: a session has one prompt at a time.");
      const text = { tools: new Set<string>(), opensThinking: false, splitsThoughts: false };
      context.gate.requireRoom(prompts.length * (body.n ?? 1));
      const echo = body.echo === true ? await textsOf(context, prompts) : undefined;
      const started = await startAll(abort, prompts.map((prompt, index) => () => {
        const order = { generation: { ...settings, ...prompt }, text, recordsPrompt: body.elastic?.record === true };
        const { id, keyOwner, answerLog } = request;
        return RunningAnswer.start(context, order, { id: index === 0 ? id : `${id}-${index}`, keyOwner, answerLog }, signal);
      }));
      const events = mergeAnswers(started.map(({ events }) => events), abort);
      const head = { id: `cmpl-${request.id}`, created: Math.floor(Date.now() / 1000), model: context.modelId };
      const options = {
        answers: body.n ?? 1,
        echo,
        includesUsage: body.stream_options?.include_usage === true,
        returnsProgress: body.return_progress === true,
      };
      if (body.stream !== true) return sendDelayedJson(reply, collectCompletion(head, events, options), context.options);
      let current = 0;
      const writer = new CompletionWriter(head, options, () => current);
      return streamAnswer(context, reply, unwrapped(events, (prompt) => (current = prompt)), writer);
    },
  );
}

/** All or none: where one is refused the others end. */
async function startAll(abort: () => void, starts: readonly (() => Promise<StartedAnswer>)[]): Promise<StartedAnswer[]> {
  const started: StartedAnswer[] = [];
  try {
    for (const start of starts) started.push(await start());
    return started;
  } catch (error) {
    abort();
    // Read to their ends, which give their places back.
    for (const { events } of started) for await (const _event of events);
    throw error;
  }
}

async function* unwrapped(events: AsyncIterable<PromptEvent>, see: (prompt: number) => void): AsyncGenerator<AnswerEvent, void, undefined> {
  for await (const { prompt, event } of events) {
    see(prompt);
    yield event;
  }
}

async function textsOf({ engine }: ServerContext, prompts: ReturnType<typeof promptsOf>): Promise<string[]> {
  return Promise.all(prompts.map(async (given) => ("prompt" in given ? given.prompt : engine.detokenize(Int32Array.from(given.tokens)))));
}

function refuseUnsupported({ suffix, best_of: bestOf, n, echo, logprobs }: CompletionBody): void {
  if (suffix != null && suffix !== "") throw cannotHonour("suffix", "text is only continued, not filled in");
  if (bestOf != null && bestOf !== (n ?? 1)) throw cannotHonour("best_of");
  if (echo === true && logprobs != null) throw cannotHonour("logprobs", "with echo they would be those of the prompt too, which are not computed");
}
