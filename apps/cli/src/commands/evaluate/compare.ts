import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { compareRuns, readRuns, renderReport } from "@elastic-attention/evaluation";
import type { CommandFunction } from "../../program/command-definition.js";
import { openInBrowser } from "../../terminal/open-in-browser.js";
import type { CompareOptions } from "./evaluate-commands.js";
import { suitesText } from "./evaluation-text.js";

/** `eval compare`: several runs side by side, on the terminal and as a page. */
export const compare: CommandFunction<CompareOptions> = async ({ positional, options }) => {
  const document = compareRuns(readRuns(positional));
  const path = resolve(options.out);
  writeFileSync(path, renderReport(document));
  if (options.json) console.log(JSON.stringify(document));
  else console.log([...document.notes.map((note) => `Note: ${note}`), suitesText(document.suites), `Report: ${path}`].join("\n"));
  if (options.open) openInBrowser(path);
  return 0;
};
