import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { ChatTemplate } from "../../src/index.js";
import { type ChatCase, renderCase } from "../golden/chat-case.js";
import { difference, type Expectation } from "../golden/expectation.js";
import { readTable } from "../read-table.js";

type OwnCase = Expectation & { readonly template: string; readonly conversation: string };

const conversations = new Map(readTable<readonly ChatCase[]>("golden/conversations.json.gz").map((chat) => [chat.id, chat]));
const cases = JSON.parse(gunzipSync(readFileSync(new URL("expected.json.gz", import.meta.url))).toString()) as readonly OwnCase[];

describe("templates in the styles of the public families render tools, parts, reasoning and continued messages", () => {
  it.each(cases.map((entry) => [entry.template, entry.conversation, entry] as const))("%s: %s", (name, id, entry) => {
    const template = new ChatTemplate(readFileSync(new URL(`templates/${name}.jinja`, import.meta.url), "utf8"));
    expect(difference(entry, () => renderCase(template, conversations.get(id)!))).toBeUndefined();
  });
});
