import { describe, expect, it } from "vitest";
import { ChatTemplate } from "../../src/index.js";
import { readShared } from "../read-table.js";
import { type ChatCase, renderCase } from "./chat-case.js";
import { difference } from "./expectation.js";

interface PublicTemplate {
  readonly name: string;
  readonly template: string;
  readonly cases: readonly ChatCase[];
}

// The templates are other people's work: they are read where they are, and not copied.
const templates = readShared<readonly PublicTemplate[]>("templates.json") ?? [];

describe.skipIf(templates.length === 0)("public chat templates (skipped where the shared fixtures are not there)", () => {
  it.each(templates.map((entry) => [entry.name, entry] as const))("%s renders every conversation as transformers does", (_, { template, cases }) => {
    const compiled = new ChatTemplate(template);
    const wrong = cases.flatMap((chat) => {
      const found = difference(chat, () => renderCase(compiled, chat));
      return found === undefined ? [] : [`${chat.id}: ${found}`];
    });
    expect(wrong).toEqual([]);
  });
});
