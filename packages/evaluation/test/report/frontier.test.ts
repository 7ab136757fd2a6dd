import { expect, test } from "vitest";
import { distinctShare, pairedBootstrap, renderReport, runDocument, summarizeFrontier, summarizeRun, registerSuite, aggregateRecords, frontierFile } from "../../src/index.js";
import { describedRun, record } from "./made-records.js";

const variants = [{ name: "full", kind: "full" }, { name: "fa-ssa", kind: "elastic", mode: "fa-ssa", sweep: false }, { name: "fa-pages", kind: "elastic", mode: "fa-pages", sweep: false }] as const;
const ids = Array.from({ length: 40 }, (_, index) => `echo/40/${index}`);
/** Full attention answers all, pages all but one in ten, streaming every other. */
const records = ids.flatMap((id, index) => [
  record({ id, index, readBytes: 1000 }),
  record({ id, index, variant: "fa-ssa", score: index % 2, readBytes: 200, keyValueBytes: 250 }),
  record({ id, index, variant: "fa-pages", score: index % 10 === 0 ? 0 : 1, readBytes: 300 }),
]);

test("every variant has a point on the prompts that full attention saw, with shares of what that read and held", () => {
  const points = summarizeFrontier([...records, record({ id: "other", variant: "fa-ssa", score: 1, readBytes: 1 })], variants);
  expect(points.map(({ variant, samples, score, readShare, heldShare }) => [variant, samples, score, readShare, heldShare])).toEqual([
    ["full", 40, 1, 1, 1],
    ["fa-ssa", 40, 0.5, 0.2, 0.25],
    ["fa-pages", 40, 0.9, 0.3, 1],
  ]);
  expect(points[0]!.difference).toBeUndefined();
  expect(points[2]!.difference!.mean).toBeCloseTo(-0.1, 12);
});

test("runs that do not say what was read, or have no full attention, have no frontier", () => {
  expect(summarizeFrontier(records.map((each) => record({ ...each, readBytes: undefined })), variants)).toEqual([]);
  expect(summarizeFrontier(records.filter(({ variant }) => variant !== "full"), variants)).toEqual([]);
});

test("the interval of a difference covers its mean, is the same again, and shrinks with more prompts", () => {
  const differences = Array.from({ length: 50 }, (_, index) => (index % 5 === 0 ? -1 : 0));
  const [few, many] = [differences, Array.from({ length: 20 }, () => differences).flat()].map((values) => pairedBootstrap(values));
  expect(few).toEqual(pairedBootstrap(differences));
  for (const { mean, low, high } of [few!, many!]) {
    expect(mean).toBeCloseTo(-0.2, 12);
    expect(low).toBeLessThan(mean);
    expect(high).toBeGreaterThan(mean);
  }
  // The standard error is √(0.2 · 0.8 / n): 0.057 and 0.013.
  expect(few!.high - few!.low).toBeGreaterThan(0.17);
  expect(few!.high - few!.low).toBeLessThan(0.29);
  expect(many!.high - many!.low).toBeLessThan(0.07);
  expect(pairedBootstrap([0.5, 0.5])).toEqual({ mean: 0.5, low: 0.5, high: 0.5 });
});

test("a text that repeats itself has few different runs of words", () => {
  expect(distinctShare("one two three four five six seven")).toBe(1);
  expect(distinctShare("a b c d ".repeat(50))).toBeLessThan(0.03);
  for (const short of ["", "word", "one two three four"]) expect(distinctShare(short)).toBe(1);
});

test("a report and a picture of their own show every variant", () => {
  registerSuite({
    name: "toy",
    description: "Toy",
    scoreUnit: "share",
    taskNames: ["echo"],
    presets: {},
    tasks: async () => [],
    aggregate: (all, value) => aggregateRecords(all, { average: "tasks", taskOrder: [] }, value),
  });
  const summary = summarizeRun(describedRun({ variants: [...variants] }), records);
  const page = renderReport(runDocument(summary));
  expect(page).toContain("Score against what a decoded token reads");
  expect(page).toContain("−10.0 (");
  const picture = frontierFile(summary.suites[0]!);
  expect(picture).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" /);
  for (const { name } of variants) expect(picture).toContain(`>${name}</text>`);
});
