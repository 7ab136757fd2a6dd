import { openEngine } from "../../engine/open-engine.js";
import { chosenRouter, requestSettings } from "../../engine/request-settings.js";
import type { CommandFunction } from "../../program/command-definition.js";
import { exitCodes } from "../../program/exit-codes.js";
import { routingReportText } from "../../report/routing-report-text.js";
import type { RunOptions } from "./answer-commands.js";
import { promptInput, readPrompt } from "../../prompt/read-prompt.js";
import { streamAnswer } from "./stream-answer.js";

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
    console.error(`\n${routingReportText(finish.report, engine.model, chosenRouter(options).name)}`);
  }
  return finish.reason === "aborted" ? exitCodes.interrupted : 0;
};
