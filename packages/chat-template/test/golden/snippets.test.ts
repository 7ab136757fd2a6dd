import { describe, expect, it } from "vitest";
import { Template, transformersSettings } from "../../src/index.js";
import { readTable } from "../read-table.js";
import { difference, type Expectation } from "./expectation.js";

interface Snippets {
  readonly now: string;
  readonly variables: Record<string, unknown>;
  readonly snippets: readonly (Expectation & { readonly id: string; readonly category: string; readonly template: string })[];
}

const { now, variables, snippets } = readTable<Snippets>("golden/snippets.json.gz");

describe("snippets render as jinja2 renders them", () => {
  it.each([...new Set(snippets.map(({ category }) => category))])("%s", (category) => {
    const chosen = snippets.filter((snippet) => snippet.category === category);
    const wrong = chosen.flatMap((snippet) => {
      const found = difference(snippet, () => new Template(snippet.template, transformersSettings).render(variables, { now: new Date(now) }));
      return found === undefined ? [] : [`${snippet.id} ${snippet.template}: ${found}, not ${JSON.stringify(snippet.expected)}`];
    });
    expect(chosen.length).toBeGreaterThan(0);
    expect(wrong).toEqual([]);
  });
});
