import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ChatTemplate } from "../../src/index.js";
import { endOfTurnTokens } from "../../src/tokenizer/end-of-turn.js";
import type { TokenCodec } from "../../src/tokenizer/token-codec.js";

/** Its tokens, numbered from 1; the last one is no special token. */
function codecOf(...tokens: string[]): TokenCodec {
  const ids = new Map(tokens.map((token, index) => [token, index + 1]));
  return {
    specialTokens: new Map(tokens.slice(0, -1).map((token, index) => [index + 1, token])),
    tokenId: (token) => ids.get(token),
    token: (id) => tokens[id - 1],
    encode: () => new Int32Array(0),
    decodeStream: () => ({ push: () => "", end: () => "" }),
  };
}

const codec = codecOf("<s>", "</s>", "<|im_start|>", "<|im_end|>", "<|im", "<|eot|>", "<|return|>", "<|user|>", "<turn_end>");

function endOf(source: string): string | undefined {
  const template = new ChatTemplate(source, { bos_token: "<s>", eos_token: "</s>" });
  const ids = endOfTurnTokens((messages) => {
    try {
      return template.render(messages, { addGenerationPrompt: false });
    } catch {
      return undefined;
    }
  }, codec);
  return ids.length === 0 ? undefined : codec.token(ids[0]!);
}

describe("the end of a turn", () => {
  test.each<[string, string, string | undefined]>([
    ["is the longest special token behind the answer", "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}", "<|im_end|>"],
    ["may be the end of the text", "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]{% else %} {{ m.content }} {{ eos_token }}{% endif %}{% endfor %}", "</s>"],
    ["is that of the last message where earlier ones end otherwise", "{% for m in messages %}{{ m.content }}{{ '<|return|>' if loop.last else '<|eot|>' }}{% endfor %}", "<|return|>"],
    ["is what the next turn begins with where nothing ends one", "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}\n{% endfor %}", "<|user|>"],
    ["may be a marker that is one token without being special", "{% for m in messages %}{{ m.content }}<turn_end>{% endfor %}", "<turn_end>"],
    ["is not a token that also ends the reasoning", "{% for m in messages %}{{ m.reasoning_content }}<|eot|>{{ m.content }}<|eot|>{% endfor %}", undefined],
    ["is nothing where words follow", "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}", undefined],
    ["is nothing where the marker is no token", "{% for m in messages %}{{ m.content }}<unknown>{% endfor %}", undefined],
    ["is nothing where the template refuses everything", "{{ raise_exception('no') }}", undefined],
  ])("%s", (_, source, token) => {
    expect(endOf(source)).toBe(token);
  });
});

const places = ["../../../../../shared", "../../../../../../shared"].map((place) => new URL(`${place}/fixtures/text/templates.json`, import.meta.url));
const golden = places.find((place) => existsSync(place));

describe.skipIf(golden === undefined)("the templates of public models (skipped without the shared data)", () => {
  test("end an answer with a token that they write out, or leave it to the next turn", () => {
    const templates = golden !== undefined ? (JSON.parse(readFileSync(golden, "utf8")) as { name: string; template: string; cases: { variables?: Record<string, string> }[] }[]) : [];
    const found = templates.filter(({ template: source, cases }) => {
      const variables = cases[0]?.variables ?? {};
      const template = new ChatTemplate(source, variables);
      const markers = [...new Set([...source.matchAll(/<[^<>\s{}'"]+>|<\uFF5C[^<>{}'"]+>/g)].map(([marker]) => marker)), ...Object.values(variables).filter((value) => typeof value === "string" && value !== "")];
      const ids = endOfTurnTokens((messages) => {
        try {
          return template.render(messages, { addGenerationPrompt: false });
        } catch {
          return undefined;
        }
      }, codecOf(...markers, "-"));
      return ids.length > 0;
    });
    // The rest write plain words behind an answer, or nothing.
    expect(found.length / templates.length).toBeGreaterThan(0.8);
  });
});
