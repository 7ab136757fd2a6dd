import { promptInput, readPrompt } from "../documents/read-prompt.js";
import { type GenerationOptions, type ModelOptions, openEngine, requestSettings, type RoutingOptions } from "../model-options.js";
import { routingReportText } from "../report/routing-report-text.js";
import { type CommandFunction, interrupted } from "../run-command.js";
import { streamAnswer } from "../terminal/stream-answer.js";

type RunOptions = ModelOptions & RoutingOptions & GenerationOptions & { readonly file?: readonly string[]; readonly raw?: boolean };

/** `run`: the answer on standard output as it comes, the report on standard error; with --json one document. */
export const run: CommandFunction<RunOptions> = async ({ positional, options, signal }) => {
  const prompt = await readPrompt(positional[0], options.file);
  await using engine = await openEngine(options, signal);
  const request = {
    ...requestSettings(options),
    ...promptInput(prompt, engine.model.hasChatTemplate, options.raw),
    signal,
  };
  const finish = await streamAnswer(engine, request, (text) => {
    if (!options.json) process.stdout.write(text);
  });
  if (options.json) {
    const { reason, text, report } = finish;
    console.log(JSON.stringify({ model: engine.model, reason, text, report }, undefined, 2));
  } else {
    process.stdout.write("\n");
    console.error(`\n${routingReportText(finish.report, engine.model)}`);
  }
  return finish.reason === "aborted" ? interrupted : 0;
};
