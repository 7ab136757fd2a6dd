import { openEngine } from "../../engine/open-engine.js";
import { isFollowingRank } from "../../engine/ranks.js";
import { chosenRouter, requestSettings } from "../../engine/request-settings.js";
import type { CommandFunction } from "../../program/command-definition.js";
import { exitCodes } from "../../program/exit-codes.js";
import { routingReportText } from "../../report/routing-report-text.js";
import { unsupportedText } from "../../report/sampling-text.js";
import type { RunOptions } from "./answer-commands.js";
import { plainPrompt, promptInput, readPromptParts } from "../../prompt/prompt-input.js";
import { openRecord } from "./run-record.js";
import { streamAnswer } from "./stream-answer.js";

/** `run`: the answer on standard output as it comes, the report on standard error; with --json one document. */
export const run: CommandFunction<RunOptions> = async ({ positional, options, signal }) => {
  // A rank behind the first has no standard input, and goes no further than to its engine.
  const prompt = isFollowingRank() ? plainPrompt("") : await readPromptParts(positional[0], options);
  await using engine = await openEngine(options, signal);
  const unsupported = unsupportedText(engine.model.defaults);
  if (unsupported !== undefined && !options.json) console.error(unsupported);
  const request = {
    ...requestSettings(options),
    ...promptInput(prompt, engine.model),
    signal,
  };
  const record = options.record === undefined ? undefined : await openRecord(options.record, engine, request);
  const finish = await streamAnswer(record ?? engine, request, (text) => {
    if (!options.json) process.stdout.write(text);
  }).finally(() => record?.write());
  if (options.json) {
    const { reason, text, report } = finish;
    console.log(JSON.stringify({ model: engine.model, reason, text, report }, undefined, 2));
  } else {
    process.stdout.write("\n");
    console.error(`\n${routingReportText(finish.report, engine.model, chosenRouter(options).name)}`);
  }
  return finish.reason === "aborted" ? exitCodes.interrupted : 0;
};
