import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ChatTemplate, TemplateError } from "../../src/index.js";
import type { ChatCase } from "../golden/chat-case.js";
import { readShared, readTable } from "../read-table.js";
import { RandomTemplate } from "./random-template.js";
import { SeededRandom } from "./seeded-random.js";

/** `pnpm fuzz` runs for a minute; the suite looks at a few hundred templates, the same every time. */
const seconds = Number(process.env["ELASTIC_ATTENTION_FUZZ_SECONDS"] ?? 0);
const seed = Number(process.env["ELASTIC_ATTENTION_FUZZ_SEED"] ?? 20_260_101);
const rounds = seconds > 0 ? Number.POSITIVE_INFINITY : 400;
const folder = new URL("../own/templates/", import.meta.url);
const own = readdirSync(folder).map((name) => readFileSync(new URL(name, folder), "utf8"));
const templates = [...own, ...(seconds > 0 ? (readShared<readonly { template: string }[]>("templates.json") ?? []).map(({ template }) => template) : [])];
const conversations = readTable<readonly ChatCase[]>("golden/conversations.json.gz");

/** What was tried: a longer wait than this is a hang, also on a busy machine. */
const hangMilliseconds = 5000;

function tryTemplate(source: string, chat: ChatCase): void {
  const start = performance.now();
  try {
    const { messages, tools = null, documents = null, variables } = chat;
    const text = new ChatTemplate(source).render(messages, { tools, documents, variables: { x: 3, ...variables }, addGenerationPrompt: chat.add_generation_prompt });
    expect(typeof text).toBe("string");
  } catch (error) {
    if (!TemplateError.isInstance(error)) throw new Error(`not a typed error for ${JSON.stringify(source)}`, { cause: error });
  }
  if (performance.now() - start > hangMilliseconds) throw new Error(`took ${performance.now() - start} ms: ${JSON.stringify(source)}`);
}

/** Cuts, repeats, swaps and inserts pieces of a template. */
function mutate(random: SeededRandom, source: string): string {
  let text = source;
  for (let change = 0; change <= random.below(4); change++) {
    const from = random.below(text.length + 1);
    const to = Math.min(text.length, from + random.below(30));
    const pieces = ["{{", "}}", "{%", "%}", "-", "(", ")", "[", "]", "'", "|", ".", "*", "**", "~", "if", "for", "endfor", "\\", "🙂", "\u0000", "99999999999", text.slice(from, to)];
    text = text.slice(0, from) + (random.chance(0.5) ? random.pick(pieces) : "") + text.slice(random.chance(0.5) ? from : to);
  }
  return text;
}

/** How many templates were tried. */
function run(name: string, next: (random: SeededRandom) => string): number {
  const random = new SeededRandom(seed);
  const end = seconds > 0 ? performance.now() + seconds * 500 : Number.POSITIVE_INFINITY;
  let count = 0;
  for (; count < rounds && performance.now() < end; count++) tryTemplate(next(random), random.pick(conversations));
  if (seconds > 0) console.log(`${name}: ${count} templates, seed ${seed}`);
  return count;
}

describe("any template renders or ends in a typed error", () => {
  it("templates with changes", { timeout: 600_000 }, () => {
    expect(run("templates with changes", (random) => mutate(random, random.pick(templates)))).toBeGreaterThan(100);
  });

  it("templates by the grammar", { timeout: 600_000 }, () => {
    const count = run("templates by the grammar", (random) => {
      const source = new RandomTemplate(random).body(3);
      return random.chance(0.2) ? mutate(random, source) : source;
    });
    expect(count).toBeGreaterThan(100);
  });
});
