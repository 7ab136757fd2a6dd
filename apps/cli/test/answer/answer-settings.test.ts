import type { GenerationSettings, SettingOrigin } from "@elastic-attention/generation";
import { describe, expect, test } from "vitest";
import { requestSettings } from "../../src/engine/request-settings.js";
import { nothingRouted, unroutedText } from "../../src/report/routing-report-text.js";
import { samplingText } from "../../src/report/sampling-text.js";

/** Settings of an answer: what a model's file asks for, with a seed that was given. */
function settings(changes: Partial<GenerationSettings> = {}, origin: SettingOrigin = "model"): GenerationSettings {
  const asked = { temperature: 0.6, topK: 20, topP: 0.95, repetitionPenalty: 1.1 };
  const usual = { minP: 0, presencePenalty: 0, frequencyPenalty: 0, maxNewTokens: 512, stop: [] };
  const origins = { temperature: origin, topK: "model", topP: "model", repetitionPenalty: origin, minP: "engine", presencePenalty: "engine", frequencyPenalty: "engine", maxNewTokens: "engine", stop: "engine", seed: "request" } as const;
  return { ...asked, ...usual, seed: 7, origins, ...changes };
}

describe("how an answer is drawn", () => {
  test("is the model's matter where no option says otherwise", () => {
    expect(requestSettings({ decode: "routed" }).sampling).toEqual({});
    expect(requestSettings({ decode: "routed", topP: 0.9 }).sampling).toEqual({ topP: 0.9 });
  });

  test("is the most likely token without a penalty with --greedy, whatever generation_config.json says", () => {
    expect(requestSettings({ decode: "routed", greedy: true }).sampling).toEqual({ temperature: 0, repetitionPenalty: 1 });
    expect(samplingText(settings({ temperature: 0, repetitionPenalty: 1 }, "request"))).toBe("greedy (given)");
  });

  test("is told with where each setting comes from", () => {
    expect(samplingText(settings())).toBe("temperature 0.6, top-k 20, top-p 0.95, repetition penalty 1.1 (generation_config.json), seed 7 (given)");
  });
});

describe("the report of a model without routers", () => {
  test("says in one line that nothing was routed and how to change that, and draws no map", () => {
    const headMap = [[0, 0], [0, 0]];
    expect([nothingRouted({ router: "none", headMap }), nothingRouted({ router: "none", headMap: [[0, 1]] }), nothingRouted({ router: "learned", headMap })]).toEqual([true, false, false]);
    const line = unroutedText({ router: "none" });
    expect(line).not.toContain("\n");
    for (const way of ["nothing was routed", "heads`", "train`", "--mode"]) expect(line).toContain(way);
  });
});
