import { describe, expect, it } from "vitest";
import { ChatTemplate, TemplateError } from "../../src/index.js";
import { hostileTemplates } from "./hostile-templates.js";

function outcome(source: string): unknown {
  try {
    return new ChatTemplate(source).render([{ role: "user", content: "Hello" }]).length;
  } catch (error) {
    return error;
  }
}

describe("a hostile template ends in a typed error within a second", () => {
  // The best of a few tries counts, as other work shares the machine.
  it.each(Object.entries(hostileTemplates))("%s", { retry: 3 }, (_, source) => {
    const start = performance.now();
    const error = outcome(source);
    expect(performance.now() - start).toBeLessThan(1000);
    expect(TemplateError.isInstance(error) ? "typed error" : String(error)).toBe("typed error");
    expect((error as TemplateError).hint).toBeTruthy();
  });
});
