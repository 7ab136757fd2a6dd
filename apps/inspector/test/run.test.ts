import { describe, expect, test } from "vitest";
import { readRecording } from "../src/recording/read-recording.js";
import { emptyRun, modeLabels, runOf, runTitle, sparsityOf, withEvent } from "../src/runs/run.js";
import { visibleTokens } from "../src/runs/visible-tokens.js";
import { bytes, duration, whole } from "../src/view/words.js";
import { madeEvents, madeRecording } from "./made-recording.js";

describe("a run on the page", () => {
  test("fills its head map layer by layer, and has the report's when it ends", () => {
    const begun = emptyRun(madeRecording.model, madeRecording.request);
    expect(begun.layers).toEqual([undefined, undefined, undefined]);
    const one = withEvent(begun, madeEvents[0]!);
    expect(one.layers).toEqual([[1, 1], undefined, undefined]);
    expect([sparsityOf(begun), sparsityOf(one), sparsityOf(withEvent(one, madeEvents[1]!))]).toEqual([undefined, 1, 0.75]);
    expect(modeLabels(one)).toEqual(["full", "sparse"]);
    const whole = runOf(madeRecording);
    expect(whole.layers).toEqual([[1, 1], [0, 1], []]);
    expect(modeLabels(whole)).toEqual(["FA", "SSA"]);
    expect(runTitle(whole)).toBe("fa-ssa, 75% sparse");
    expect(whole.tokenTimes).toEqual([1.6, 1.7]);
  });

  test("keeps its text when it ends with an error", () => {
    const failed = withEvent(madeEvents.slice(0, 4).reduce(withEvent, emptyRun(madeRecording.model, {})), { type: "error", at: 2, name: "DeviceError", message: "gone" });
    expect(failed).toMatchObject({ answer: "Hello ", end: { type: "error", message: "gone" } });
  });
});

describe("tokens that a head still sees", () => {
  const ring = { type: "sink-ring", sinkTokens: 100, ringTokens: 200 } as const;
  test.each([
    [{ type: "all" } as const, 1000, [[0, 1000, true]]],
    [ring, 1000, [[0, 100, true], [100, 800, false], [800, 1000, true]]],
    [ring, 301, [[0, 100, true], [100, 101, false], [101, 301, true]]],
    [ring, 300, [[0, 300, true]]],
    [ring, 50, [[0, 50, true]]],
    [{ ...ring, sinkTokens: 0 }, 1000, [[0, 800, false], [800, 1000, true]]],
    [ring, 0, []],
  ])("under %j of %d tokens", (retention, tokens, expected) => {
    expect(visibleTokens(retention, tokens).map(({ first, end, kept }) => [first, end, kept])).toEqual(expected);
  });
});

describe("a file of a recording", () => {
  test("is read back as it was written", () => {
    expect(readRecording(JSON.stringify(madeRecording))).toEqual(JSON.parse(JSON.stringify(madeRecording)));
  });

  test.each([
    ["", "not JSON"],
    ["{\"a\": 1}", "no recording"],
    ["null", "no recording"],
    ["[1, 2]", "no recording"],
    [JSON.stringify({ ...madeRecording, version: 2 }), "version"],
    [JSON.stringify({ ...madeRecording, events: [{ type: "progress", at: -1 }] }), "events.0.at"],
    [JSON.stringify({ ...madeRecording, model: { ...madeRecording.model, numLayers: 1e9 } }), "model.numLayers"],
    [JSON.stringify({ ...madeRecording, promptPieces: [1] }), "promptPieces.0"],
  ])("is refused in words: %s", (text, words) => {
    expect(() => readRecording(text)).toThrow(words);
  });
});

test("figures are written with their units", () => {
  expect([bytes(0), bytes(999), bytes(1500), bytes(15_000_000), bytes(2.5e9)]).toEqual(["0 bytes", "999 bytes", "1.5 kB", "15.0 MB", "2.5 GB"]);
  expect([duration(0.34), duration(12.41)]).toEqual(["340 ms", "12.4 s"]);
  expect(whole(1_234_567)).toBe("1\u202F234\u202F567");
});
