import { InvalidRequestError, nearestName } from "@elastic-attention/core";
import { readDocuments } from "../../prompt/read-documents.js";
import type { Conversation } from "./conversation.js";

/** What commands of a chat change. */
export interface ChatState {
  readonly conversation: Conversation;
  /** Share of sparse heads from now on; undefined: as the routers decide. */
  sparsity: number | undefined;
  /** The engine's session of the last turn. */
  session: string | undefined;
}

/** What follows a command: another line, an answer to what was said last, or the end. */
export type Next = "line" | "answer" | "end";

interface SlashCommand {
  readonly syntax: string;
  readonly help: string;
  run(state: ChatState, argument: string, say: (text: string) => void): Next | Promise<Next>;
}

const commands: Readonly<Record<string, SlashCommand>> = {
  help: {
    syntax: "/help",
    help: "this list",
    run: (_state, _argument, say) => {
      const width = Math.max(...Object.values(commands).map(({ syntax }) => syntax.length));
      for (const { syntax, help } of Object.values(commands)) say(`  ${syntax.padEnd(width)}  ${help}`);
      say("A message that begins with a slash is written with two: //etc/hosts is a file.");
      return "line";
    },
  },
  clear: {
    syntax: "/clear",
    help: "forget what was said; the system message stays",
    run: ({ conversation }, _argument, say) => {
      conversation.clear();
      say("Nothing has been said.");
      return "line";
    },
  },
  system: {
    syntax: "/system [text]",
    help: "set the system message, or take it away",
    run: ({ conversation }, argument, say) => {
      conversation.setSystem(argument === "" ? undefined : argument);
      say(argument === "" ? "There is no system message now." : "The system message is set; the conversation is read again with the next message.");
      return "line";
    },
  },
  file: {
    syntax: "/file path",
    help: "put a file, or the files of a folder, before the next message",
    run: async ({ conversation }, argument, say): Promise<Next> => {
      const { documents, leftOut } = await readDocuments([needed(argument, "/file")]);
      for (const { name, text } of documents) conversation.addFile(name, text);
      say(`${documents.map(({ name, text }) => `${name} (${text.length} characters)`).join(", ")}: read with your next message.`);
      for (const reason of leftOut) say(`left out: ${reason}`);
      return "line";
    },
  },
  sparsity: {
    syntax: "/sparsity share",
    help: "share of sparse heads from the next reading on: 0 to 1, or auto",
    run: (state, argument, say) => {
      const share = Number(needed(argument, "/sparsity"));
      if (argument !== "auto" && !(share >= 0 && share <= 1)) throw new InvalidRequestError(`The share of sparse heads is a number from 0 to 1 or auto, not ${JSON.stringify(argument)}.`);
      state.sparsity = argument === "auto" ? undefined : share;
      state.conversation.readAgain();
      say(argument === "auto" ? "The routers decide again." : `${Math.round(share * 100)}% of the heads are sparse; the conversation is read again with the next message.`);
      return "line";
    },
  },
  save: {
    syntax: "/save file",
    help: "write the conversation to a file",
    run: ({ conversation }, argument, say) => {
      conversation.save(needed(argument, "/save"));
      say(`Saved in ${argument}.`);
      return "line";
    },
  },
  load: {
    syntax: "/load file",
    help: "go on with a saved conversation",
    run: ({ conversation }, argument, say) => {
      conversation.load(needed(argument, "/load"));
      say(`${conversation.messages.length} messages are back.`);
      return "line";
    },
  },
  retry: {
    syntax: "/retry",
    help: "answer the last message again",
    run: ({ conversation }, _argument, say) => {
      if (conversation.takeBack()) return "answer";
      say("There is nothing to answer yet.");
      return "line";
    },
  },
  exit: { syntax: "/exit", help: "end; so does Ctrl-D", run: () => "end" },
};

/** Runs a line that begins with one slash. @throws InvalidRequestError for one that is no command, and what its command throws */
export function runSlashCommand(line: string, state: ChatState, say: (text: string) => void): Next | Promise<Next> {
  const [, name = "", argument = ""] = /^\/(\S*)\s*([\s\S]*)$/.exec(line.trim()) ?? [];
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command !== undefined) return command.run(state, argument.trim(), say);
  const nearest = nearestName(name, Object.keys(commands));
  throw new InvalidRequestError(`There is no command /${name}.`, nearest === undefined ? "/help lists them." : `Did you mean /${nearest}? /help lists them all.`);
}

function needed(argument: string, command: string): string {
  if (argument !== "") return argument;
  throw new InvalidRequestError(`${command} needs something behind it.`, `As in: ${commands[command.slice(1)]!.syntax}`);
}
