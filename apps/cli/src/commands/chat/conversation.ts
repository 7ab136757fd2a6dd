import { readFileSync } from "node:fs";
import { InvalidRequestError, writeFileWhole } from "@elastic-attention/core";
import type { ChatMessage } from "@elastic-attention/generation";
import { z } from "zod";

const savedConversation = z.object({
  version: z.literal(1),
  messages: z.array(z.object({ role: z.enum(["system", "user", "assistant"]), content: z.string() })),
});

/** What has been said, and what the next message brings along. */
export class Conversation {
  #system: string | undefined;
  #turns: { readonly role: "user" | "assistant"; readonly content: string }[] = [];
  #files: string[] = [];
  #number = 0;

  constructor(system: string | undefined) {
    this.#system = system;
  }

  /** Name of the engine's session: another one after every change of what was said, because its cache is of other text. */
  get session(): string {
    return `chat ${this.#number}`;
  }

  get messages(): ChatMessage[] {
    return [...(this.#system === undefined ? [] : [{ role: "system" as const, content: this.#system }]), ...this.#turns];
  }

  /** The next message is read with everything before it: a session keeps its routing as it is. */
  readAgain(): void {
    this.#number++;
  }

  /** A message of the user, behind the files that were added since the last one. */
  ask(text: string): void {
    this.#turns.push({ role: "user", content: [...this.#files, text].join("\n\n") });
    this.#files = [];
  }

  answer(text: string): void {
    this.#turns.push({ role: "assistant", content: text });
  }

  addFile(name: string, text: string): void {
    this.#files.push(`File ${name}:\n${text}`);
  }

  setSystem(text: string | undefined): void {
    this.#system = text;
    this.readAgain();
  }

  clear(): void {
    this.#turns = [];
    this.#files = [];
    this.readAgain();
  }

  get hasAnswer(): boolean {
    return this.#turns.some(({ role }) => role === "assistant");
  }

  /** Takes back a question that got no answer. */
  takeBackQuestion(): void {
    if (this.#turns.at(-1)?.role === "user") this.#turns.pop();
  }

  /** Takes the last answer back; false where there is none. */
  takeBack(): boolean {
    const last = this.#turns.findLastIndex(({ role }) => role === "user");
    if (last < 0) return false;
    this.#turns.length = last + 1;
    this.readAgain();
    return true;
  }

  /** @throws FileWriteError */
  save(path: string): void {
    writeFileWhole(path, `${JSON.stringify({ version: 1, messages: this.messages }, undefined, 2)}\n`);
  }

  /** Goes on with a saved conversation. @throws InvalidRequestError for a file that is none; the system's error for one that cannot be read */
  load(path: string): void {
    const { messages } = parseConversation(path);
    this.#system = messages[0]?.role === "system" ? messages[0].content : undefined;
    this.#turns = messages.flatMap(({ role, content }) => (role === "system" ? [] : [{ role, content }]));
    this.#files = [];
    this.readAgain();
  }
}

function parseConversation(path: string): z.infer<typeof savedConversation> {
  const text = readFileSync(path, "utf8");
  try {
    return savedConversation.parse(JSON.parse(text));
  } catch {
    throw new InvalidRequestError(`${path} is not a conversation that /save wrote.`, "Name a file that /save has written.");
  }
}
