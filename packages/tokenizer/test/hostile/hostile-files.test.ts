import { describe, expect, it } from "vitest";
import { TokenizerError } from "@elastic-attention/core";
import { TokenizerPipeline } from "../../src/index.js";
import { description } from "../pipelines.js";
import { timeTaken } from "@elastic-attention/fixtures";
import { hostileFiles, hostileTexts, longText } from "./hostile-files.js";

/** The error that some work ends with, and the time that it took. */
function failure(work: () => unknown): { readonly error: unknown; readonly milliseconds: number } {
  let error: unknown;
  const milliseconds = timeTaken(() => {
    try {
      work();
    } catch (thrown) {
      error = thrown;
    }
  });
  return { error, milliseconds };
}

const circle: { type: string; normalizers: unknown[] } = { type: "Sequence", normalizers: [] };
circle.normalizers.push(circle);
const typed = TokenizerError.isInstance.bind(TokenizerError);

describe("a hostile tokenizer file", () => {
  it.each([...Object.entries(hostileFiles), ["a sequence of itself", { normalizer: circle }] as const])("is refused by name within a second: %s", (_, parts) => {
    const { error, milliseconds } = failure(() => new TokenizerPipeline(description(parts)));
    expect(error).toSatisfy(typed);
    expect((error as Error).message.length).toBeLessThan(1000);
    expect(milliseconds).toBeLessThan(1000);
  });

  it.each(Object.entries(hostileTexts))("is stopped within a second, and the next text works: %s", (_, { tokenizer, text, limit, maySucceed, says }) => {
    const pipeline = new TokenizerPipeline(tokenizer);
    const long = longText(text);
    const { error, milliseconds } = failure(() => pipeline.encode(long, limit === undefined ? {} : { limit }));
    if (maySucceed !== true || error !== undefined) expect(error).toSatisfy(typed);
    if (says !== undefined) expect(String(error)).toMatch(says);
    expect(milliseconds).toBeLessThan(1000);
    expect(Array.from(pipeline.encode("a"))).toHaveLength(1);
  });
});
