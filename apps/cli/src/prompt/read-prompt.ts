import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { InvalidRequestError } from "@elastic-attention/core";

/**
 * The prompt of a command: files, standard input (when it is no terminal, or the prompt is "-") and the argument, in this
 * order, a line break between them.
 *
 * @throws InvalidRequestError when there is nothing; the system's error for a file that cannot be read
 */
export async function readPrompt(argument: string | undefined, files: readonly string[] = []): Promise<string> {
  const parts = files.map((path) => readFileSync(path, "utf8"));
  const fromInput = argument === "-" || (argument === undefined && files.length === 0 && !process.stdin.isTTY);
  if (fromInput) parts.push(await text(process.stdin));
  if (argument !== undefined && argument !== "-") parts.push(argument);
  const prompt = parts.map((part) => part.trimEnd()).join("\n");
  if (prompt.trim() === "") {
    throw new InvalidRequestError("There is no prompt.", 'Give one as an argument, with --file, or on standard input: elastic-attention run "Hello".');
  }
  return prompt;
}

/** The request's input: a conversation where the model has a template, else raw text. */
export function promptInput(prompt: string, hasChatTemplate: boolean, raw = false) {
  return hasChatTemplate && !raw ? { messages: [{ role: "user" as const, content: prompt }] } : { prompt };
}
