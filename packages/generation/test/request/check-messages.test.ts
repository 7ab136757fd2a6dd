import { describe, expect, test } from "vitest";
import { InvalidRequestError } from "@elastic-attention/core";
import { checkMessages, checkNothingLost } from "../../src/request/check-messages.js";
import { checkRequest } from "../../src/request/checked-request.js";
import { noDefaults } from "../../src/defaults/generation-defaults.js";
import { type ChatMessage, Tokenizer } from "../../src/index.js";
import { timeTaken } from "@elastic-attention/fixtures";
import { demoModel } from "../doubles/tiny-model.js";

const user: ChatMessage = { role: "user", content: "Hi" };
const calling = (given: unknown): ChatMessage => ({ role: "assistant", content: null, tool_calls: [{ function: { name: "weather", arguments: {} } }, { function: { name: "weather", arguments: given } }] });

describe("messages", () => {
  test.each<[string, unknown, RegExp]>([
    ["no list", "Hi", /messages must be a list/],
    ["nothing", [], /at least one message/],
    ["a text among them", [user, "Hi"], /messages\[1\] must be an object/],
    ["no role", [user, { content: "Hi" }], /messages\[1\]\.role must be a text/],
    ["arguments that are not JSON", [user, calling('{"city": Oslo}')], /messages\[1\]\.tool_calls\[1\]: the arguments are not JSON/],
    ["tool calls that are no list", [{ ...user, tool_calls: {} }], /messages\[0\]\.tool_calls must be a list/],
  ])("with %s are refused by their number", (_, messages, words) => {
    expect(() => checkMessages(messages as ChatMessage[])).toThrow(InvalidRequestError);
    expect(() => checkMessages(messages as ChatMessage[])).toThrow(words);
  });

  test("may have arguments as an object or as JSON", () => {
    expect(() => checkMessages([user, calling('{"city":"Oslo"}'), calling({ city: "Oslo" })])).not.toThrow();
  });

  test("of a role that the template leaves out are named; what a template writes otherwise is its own matter", () => {
    const critic = { role: "critic", content: " Too long. " };
    expect(() => checkNothingLost([user, critic], "user: Hi")).toThrow(/messages\[1\].*leaves out messages of the role "critic"/);
    checkNothingLost([user, critic], "Hi Too long.");
    checkNothingLost([{ role: "system", content: "Be brief." }, user], "Hi");
  });
});

describe("a message of 10 MB", () => {
  test("that cannot fit is refused at once", () => {
    const tokenizer = Tokenizer.load(demoModel);
    tokenizer.encodeChat([user]);
    for (const content of ["It was a fine day at sea. ".repeat(400_000), "世界上最大的鱼。".repeat(1_200_000)]) {
      const refused = () => checkRequest({ messages: [{ role: "user", content }] }, tokenizer, { contextLength: 8192, vocabularySize: 4096 }, noDefaults);
      // Within a second on an idle core; to tokenize all of it takes ten.
      expect(timeTaken(() => expect(refused).toThrow(/more than 32768 tokens; the model's context is 8192/))).toBeLessThan(1000);
    }
  });
});
