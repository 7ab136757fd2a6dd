import { InvalidRequestError } from "@elastic-attention/core";
import { promptText } from "./file-kind.js";
import { mostBytes, type PromptDocument, readDocuments, requireRoom } from "./read-documents.js";

/**
 * The prompt of a command: files and folders, standard input (when it is no terminal, or the prompt is "-") and the argument, in
 * this order, a line break between them. Where there are several documents, each has its name in front.
 *
 * @param note what the user should know is given to it
 * @throws InvalidRequestError when there is nothing, and for what is no plain text; the system's error for a file that cannot be read
 */
export async function readPrompt(argument: string | undefined, files: readonly string[] = [], note: (text: string) => void = () => {}): Promise<string> {
  const { documents, leftOut } = await readDocuments(files);
  if (leftOut.length > 0) note(`${leftOut.length} of the files found ${leftOut.length === 1 ? "is" : "are"} left out: ${leftOut[0]!}${leftOut.length > 1 ? " …" : ""}`);
  const parts = documents.length > 1 ? documents.map(withName) : documents.map(({ text }) => text.trimEnd());
  const fromInput = argument === "-" || (argument === undefined && files.length === 0 && !process.stdin.isTTY);
  if (fromInput) parts.push((await promptText(await standardInput(), "standard input")).trimEnd());
  if (argument !== undefined && argument !== "-") parts.push(argument.trimEnd());
  const prompt = parts.join("\n");
  if (prompt.trim() === "") {
    throw new InvalidRequestError("There is no prompt.", "Give one as an argument in quotation marks, with --file, or on standard input.");
  }
  return prompt;
}

function withName({ name, text }: PromptDocument): string {
  return `File: ${name}\n${text.trimEnd()}\n`;
}

/** @throws InvalidRequestError for more than {@link mostBytes}, without reading all of it */
async function standardInput(): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > mostBytes) requireRoom(bytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
