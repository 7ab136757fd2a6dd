import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InvalidRequestError } from "@elastic-attention/core";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { Conversation } from "../../src/commands/chat/conversation.js";
import { type ChatState, runSlashCommand } from "../../src/commands/chat/slash-commands.js";

const folder = mkdtempSync(join(tmpdir(), "elastic-attention-chat-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let state: ChatState;
let said: string[];
beforeEach(() => {
  state = { conversation: new Conversation("Be brief."), sparsity: undefined, session: undefined };
  said = [];
});
const run = async (line: string) => runSlashCommand(line, state, (text) => said.push(text));

describe("a command of a chat", () => {
  test("is listed with what it does", async () => {
    expect(await run("/help")).toBe("line");
    for (const name of ["clear", "system", "file", "sparsity", "save", "load", "retry", "exit"]) expect(said.join("\n")).toContain(`/${name}`);
  });

  test("that does not exist is refused with the nearest one, and with what every object has", async () => {
    await expect(run("/cler")).rejects.toThrow(/no command \/cler/);
    await expect(run("/cler").catch((error: InvalidRequestError) => error.hint)).resolves.toMatch(/mean \/clear/);
    await expect(run("/constructor")).rejects.toThrow(InvalidRequestError);
    await expect(run("/")).rejects.toThrow(InvalidRequestError);
  });

  test("forgets the turns, keeps the system message, and begins another session", async () => {
    state.conversation.ask("Hello");
    const before = state.conversation.session;
    await run("/clear");
    expect(state.conversation.messages).toEqual([{ role: "system", content: "Be brief." }]);
    expect(state.conversation.session).not.toBe(before);
  });

  test("sets and takes away the system message", async () => {
    await run("/system Answer in French,\nalways.");
    expect(state.conversation.messages[0]).toEqual({ role: "system", content: "Answer in French,\nalways." });
    await run("/system");
    expect(state.conversation.messages).toEqual([]);
  });

  test("puts a file before the next message only", async () => {
    const path = join(folder, "notes.txt");
    writeFileSync(path, "the harbour");
    await run(`/file ${path}`);
    state.conversation.ask("What is in it?");
    state.conversation.answer("A harbour.");
    state.conversation.ask("And else?");
    expect(state.conversation.messages.map(({ content }) => content).slice(1)).toEqual([
      `File ${path}:\nthe harbour\n\nWhat is in it?`,
      "A harbour.",
      "And else?",
    ]);
    await expect(run("/file")).rejects.toThrow(/needs something/);
    await expect(run(`/file ${join(folder, "none")}`)).rejects.toThrow(/none/);
  });

  test("sets the share of sparse heads in another session, or leaves it to the routers", async () => {
    const before = state.conversation.session;
    await run("/sparsity 0.5");
    expect([state.sparsity, state.conversation.session === before]).toEqual([0.5, false]);
    await run("/sparsity auto");
    expect(state.sparsity).toBeUndefined();
    for (const wrong of ["2", "-0.1", "half", "NaN"]) await expect(run(`/sparsity ${wrong}`)).rejects.toThrow(/0 to 1 or auto/);
  });

  test("saves a conversation that another chat loads", async () => {
    state.conversation.ask("Hello");
    state.conversation.answer("Hi.");
    const path = join(folder, "saved.json");
    await run(`/save ${path}`);
    const { messages } = state.conversation;
    state = { conversation: new Conversation(undefined), sparsity: undefined, session: undefined };
    await run(`/load ${path}`);
    expect(state.conversation.messages).toEqual(messages);
    writeFileSync(path, "{}");
    await expect(run(`/load ${path}`)).rejects.toThrow(/not a conversation/);
    expect(state.conversation.messages).toEqual(messages);
  });

  test("answers the last message again, where there is one", async () => {
    expect(await run("/retry")).toBe("line");
    state.conversation.ask("Hello");
    state.conversation.answer("Hi.");
    expect(await run("/retry")).toBe("answer");
    expect(state.conversation.messages.at(-1)).toEqual({ role: "user", content: "Hello" });
  });

  test("ends", async () => {
    expect(await run("/exit")).toBe("end");
  });
});
