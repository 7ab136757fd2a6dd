import type { RoutingReport } from "@elastic-attention/generation";
import { describe, expect, test } from "vitest";
import { headMapSvg } from "../src/report/head-map-svg.js";
import { routingReportText, speedText } from "../src/report/routing-report-text.js";

const report: RoutingReport = {
  router: "learned",
  modes: ["FA", "SSA"],
  headMap: [[0, 1], [1, 1]],
  windows: [undefined, undefined],
  modelSparsity: 0.75,
  effectiveSparsity: 0.004,
  promptTokens: 100,
  reusedTokens: 0,
  newTokens: 5,
  prefillSeconds: 0.5,
  prefillTokensPerSecond: 200,
  decodeTokensPerSecond: 50,
  keyValueBytes: 2e6,
  fullKeyValueBytes: 8e6,
} as unknown as RoutingReport;
const model = { router: "learned", routerDescription: "learned routers of routers.safetensors" } as const;

describe("a comparison of speeds", () => {
  test.each([
    [1.794, "1.79x faster"],
    [0.8, "1.25x slower"],
    [1.01, "as fast"],
    [0.99, "as fast"],
    [Number.NaN, "not measured"],
    [0, "not measured"],
    [Infinity, "not measured"],
  ])("of %d is %s", (ratio, words) => {
    expect(speedText(ratio)).toBe(words);
  });

  test("names what it compares with", () => {
    expect([speedText(2, "full"), speedText(0.5, "full"), speedText(1, "full")]).toEqual(["2.00x faster than full", "2.00x slower than full", "as fast as full"]);
  });
});

describe("the report of a prompt", () => {
  test("gives sparsity in words and percent, and names the saved memory", () => {
    const text = routingReportText(report, model);
    expect(text).toContain("75% of heads sparse (MSR), 0% of blocks skipped (ESR)");
    expect(text).toContain("KV memory: 2.0 MB instead of 8.0 MB (25% of full)");
  });

  test("says 'instead of' only where there is less", () => {
    const text = routingReportText({ ...report, keyValueBytes: 8e6 }, model);
    expect(text).toMatch(/KV memory: 8\.0 MB$/);
  });

  test("tells how many guessed tokens were right, where the engine guesses", () => {
    expect(routingReportText(report, model)).not.toContain("Drafts:");
    expect(routingReportText({ ...report, drafts: { tokens: 40, accepted: 31 } }, model)).toContain("Drafts:    31 of 40 guessed tokens were right (78%)");
    expect(routingReportText({ ...report, drafts: { tokens: 0, accepted: 0 } }, model)).toContain("no token was guessed, as nothing was repeated");
  });

  test("as a picture has the same words", () => {
    expect(headMapSvg(report, "a <model>")).toContain("75% of heads sparse (MSR)</text>");
  });
});
