import type { CommandDefinition } from "../program/command-definition.js";
import { answerCommands } from "./answer/answer-commands.js";
import { cacheCommands } from "./cache/cache-commands.js";
import { convertCommand } from "./convert/convert-command.js";
import { doctorCommand } from "./doctor/doctor-command.js";
import { evaluateCommands } from "./evaluate/evaluate-commands.js";
import { modelCommands } from "./model/model-commands.js";
import { serveCommand } from "./serve/serve-command.js";
import { shellCommandDefinitions } from "./shell/shell-commands.js";
import { tokensCommand } from "./tokens/tokens-command.js";
import { trainCommands } from "./train/train-commands.js";

/** Every command, in the order of help. */
export const commands: readonly CommandDefinition[] = [
  ...answerCommands,
  serveCommand,
  ...modelCommands,
  convertCommand,
  tokensCommand,
  ...evaluateCommands,
  ...trainCommands,
  ...cacheCommands,
  doctorCommand,
  ...shellCommandDefinitions,
];
