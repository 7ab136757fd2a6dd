import { describe, expect, it } from "vitest";
import { ChatTemplate, TemplateError } from "../../src/index.js";
import { timeTaken } from "@elastic-attention/fixtures";
import { hostileTemplates } from "./hostile-templates.js";

function outcome(source: string): unknown {
  try {
    return new ChatTemplate(source).render([{ role: "user", content: "Hello" }]).length;
  } catch (error) {
    return error;
  }
}

describe("a hostile template ends in a typed error within a second", () => {
  it.each(Object.entries(hostileTemplates))("%s", (_, source) => {
    let error: unknown;
    const milliseconds = timeTaken(() => void (error = outcome(source)));
    expect(milliseconds).toBeLessThan(1000);
    expect(TemplateError.isInstance(error) ? "typed error" : String(error)).toBe("typed error");
    expect((error as TemplateError).hint).toBeTruthy();
    expect(outcome("{{ messages[0].content }}")).toBe("Hello".length);
  });
});
