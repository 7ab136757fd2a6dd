import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compareRuns, type EvaluationRecord, readRuns, registerSuite, renderReport, runDocument, type RunSummary, summarizeRun } from "../../src/index.js";
import { describedRun, record } from "./made-records.js";
import { readingSuite, toySuite } from "../run/toy-suite.mjs";

const folder = mkdtempSync(join(tmpdir(), "report-"));
beforeAll(() => {
  registerSuite(toySuite);
  registerSuite(readingSuite);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Two tasks at two lengths: full attention scores 1 and 0.8, the router 0.9 and 0.8, the dial 0.5 and 0 on one sample. */
function records(): EvaluationRecord[] {
  const samples = ["echo", "count"].flatMap((task) => ["40", "80"].map((lengthBucket) => ({ task, lengthBucket, id: `${task}/${lengthBucket}/0` })));
  const sparse = { modes: ["FA", "SSA"], keyValueBytes: 400, prefillSeconds: 0.25 };
  return samples.flatMap(({ task, lengthBucket, id }, index) => {
    const own = (values: Partial<EvaluationRecord>) => record({ task, lengthBucket, id, index, category: task, metadata: { depth: index % 2 }, ...values });
    const score = task === "echo" ? 1 : 0.8;
    const list = [
      own({ score }),
      own({ variant: "fa-ssa", score: task === "echo" ? 0.9 : 0.8, modelSparsity: 0.5, effectiveSparsity: 0.3, headMap: task === "echo" ? "01/01" : "11/00", ...sparse }),
    ];
    if (index > 0) return list;
    return [...list, own({ variant: "fa-ssa@0.5", score: 0.5, modelSparsity: 0.5, ...sparse }), own({ variant: "fa-ssa@1", score: 0, modelSparsity: 1, ...sparse })];
  });
}

function summary(): RunSummary {
  return summarizeRun(describedRun(), records());
}

describe("the summary of a run", () => {
  test("holds scores and sparsity of the modes asked for, not of the sweep", () => {
    const [suite] = summary().suites;
    expect(suite!.results.map(({ variant }) => variant)).toEqual(["full", "fa-ssa"]);
    expect(suite!.results[0]!.score.average).toBeCloseTo(0.9, 12);
    expect(suite!.results[1]!.score.tasks.map(({ name, score }) => [name, score])).toEqual([["echo", 0.9], ["count", 0.8]]);
    expect(suite!.results[1]!.modelSparsity.average).toBe(0.5);
    expect([suite!.samples, suite!.truncated]).toEqual([4, 0]);
  });

  test("measures what a sweep retained against full attention on the same samples", () => {
    expect(summary().suites[0]!.retained).toEqual([
      { mode: "fa-ssa", target: 0.5, modelSparsity: 0.5, samples: 1, score: 0.5, fullScore: 1, retained: 0.5 },
      { mode: "fa-ssa", target: 1, modelSparsity: 1, samples: 1, score: 0, fullScore: 1, retained: 0 },
    ]);
  });

  test("averages speed over the samples of a length, and decode over all its tokens", () => {
    const { speed } = summary().suites[0]!;
    expect(speed).toHaveLength(4);
    expect(speed[0]).toMatchObject({ variant: "full", lengthBucket: "40", samples: 2, prefillSeconds: 0.5, decodeTokensPerSecond: 12 });
    expect(speed[2]).toMatchObject({ variant: "fa-ssa", keyValueBytes: 400, fullKeyValueBytes: 1000 });
  });

  test("counts how often each head was sparse, and by task", () => {
    const [map] = summary().suites[0]!.headMaps;
    expect(map).toMatchObject({ variant: "fa-ssa", modes: ["FA", "SSA"], sparse: [[0.5, 1], [0, 0.5]] });
    expect(map!.tasks).toEqual([{ task: "echo", layers: [0.5, 0.5] }, { task: "count", layers: [1, 0] }]);
  });

  test("lays depths over lengths, and leaves holes where there is no sample", () => {
    const [grid] = summary().suites[0]!.depths;
    expect(grid).toMatchObject({ variant: "full", lengths: ["40", "80"], depths: [0, 1] });
    expect(grid!.scores).toEqual([[0.9, null], [null, 0.9]]);
  });

  test("keeps the lowest answer of each task that missed something", () => {
    expect(summary().suites[0]!.misses.map(({ id, variant }) => [id, variant])).toEqual([["echo/40/0", "fa-ssa"], ["count/40/0", "fa-ssa"]]);
  });

  test("weighs nats by tokens, position by position", () => {
    const likelihood = (id: string, scores: [number, number], tokens: number) =>
      record({
        suite: "reading", task: "words", kind: "likelihood", id, finish: "read", score: scores[0],
        positions: [{ start: 0, end: 8, tokens: 8, score: scores[0] }, { start: 8, end: 8 + tokens, tokens, score: scores[1] }],
      });
    const description = describedRun({ suites: [{ name: "reading", tasks: ["words"] }] });
    const { suites } = summarizeRun(description, [likelihood("a", [2, 4], 8), likelihood("b", [4, 1], 24)]);
    expect(suites[0]!.positions).toEqual([
      { variant: "full", ranges: [{ start: 0, end: 8, tokens: 16, score: 3 }, { start: 8, end: 32, tokens: 32, score: 1.75 }] },
    ]);
    expect(renderReport(runDocument({ ...summary(), suites }))).toContain("Loss by position");
  });
});

describe("the page", () => {
  const page = () => renderReport(runDocument(summary()));

  test("needs nothing beside itself", () => {
    expect(page()).not.toMatch(/<script|<link|<img|@import|url\(|https?:\/\//);
    expect(page()).toContain("prefers-color-scheme: dark");
    expect(page()).toContain('name="viewport"');
  });

  test("shows scores and sparsity as the paper's tables do, the best in bold", () => {
    expect(page()).toMatch(/<th scope="row">full<\/th><td><b>90\.00<\/b><\/td>/);
    expect(page()).toMatch(/<th scope="row">fa-ssa<\/th><td>85\.00<small>\.50<\/small><\/td>/);
    // Equal scores are both best.
    const pair = (full: string, sparse: string) => `<td class="start">${full}</td><td>${sparse}<small>.50</small></td>`;
    const row = (task: string, cells: string) => `<th scope="row">${task}<small>${task}</small></th>${cells.repeat(3)}</tr>`;
    expect(page()).toContain(row("count", pair("<b>80.00</b>", "<b>80.00</b>")));
    expect(page()).toContain(row("echo", pair("<b>100.00</b>", "90.00")));
    expect(page()).toContain('<th scope="colgroup" class="group start" colspan="2">40</th>');
  });

  test("has every chart, with names for those who cannot see them", () => {
    for (const name of ["Score retained by model sparsity", "Prefill time", "Head modes of fa-ssa", "Sparsity of fa-ssa by task and layer", "Needles found by full"]) {
      expect(page()).toContain(`aria-label="${name}"`);
    }
    expect(page()).not.toMatch(/NaN|undefined|Infinity/);
  });

  test("escapes what comes from outside", () => {
    const own = records();
    own[1] = { ...own[1]!, output: '<img src="x" onerror="alert(1)">' };
    const text = renderReport(runDocument(summarizeRun(describedRun(), own)));
    expect(text).toContain("little &lt;model&gt;");
    expect(text).toContain("&lt;img src=&quot;x&quot;");
    expect(text).not.toContain("<img");
  });

  test("of a run that was stopped compares the speed at lengths that both modes saw", () => {
    expect(page()).toContain("<strong>2.00×</strong>");
    const more = record({ lengthBucket: "160", id: "echo/160/0", index: 9, prefillSeconds: 100 });
    expect(renderReport(runDocument(summarizeRun(describedRun(), [...records(), more])))).toContain("<strong>2.00×</strong>");
  });

  test("holds what is needed to repeat the run", () => {
    for (const part of ["elastic-attention eval toy", "9e70b462db682ed60a7574ceb9bd1c9c", "sinkTokens 128", "v20.19.0", "two cores"]) expect(page()).toContain(part);
  });
});

describe("a comparison", () => {
  function run(name: string, settings = {}, change: (record: EvaluationRecord) => EvaluationRecord = (each) => each): string {
    const path = join(folder, name);
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, "run.json"), JSON.stringify(describedRun(settings)));
    writeFileSync(join(path, "records.jsonl"), records().map((each) => `${JSON.stringify(change(each))}\n`).join(""));
    return path;
  }

  test("lays the modes of all runs side by side, under the runs' names", () => {
    const document = compareRuns(readRuns([run("one"), run("two", { decode: "full" })]));
    expect(document.suites[0]!.results.map(({ variant }) => variant)).toEqual(["one full", "one fa-ssa", "two full", "two fa-ssa"]);
    expect(document.notes).toEqual(['two against one: decode is "full" and was "routed".']);
    const page = renderReport(document);
    expect(page).toContain("Evaluations side by side");
    expect(page).toContain("(2.00×)");
  });

  test("says when the prompts were not the same", () => {
    const other = run("others", {}, (each) => (each.task === "count" ? { ...each, promptHash: "ffff" } : each));
    const { notes } = compareRuns(readRuns([run("one"), other]));
    expect(notes).toEqual([expect.stringMatching(/one and others have 2 prompts in common; 2 of/) as string]);
  });

  test("needs two different runs with records", () => {
    const one = run("one");
    expect(() => compareRuns(readRuns([one]))).toThrow(/two runs or more/);
    expect(() => readRuns([one, `${one}/.`])).toThrow(/named twice/);
    expect(() => readRuns([one, folder])).toThrow(/holds no run/);
    writeFileSync(join(run("empty"), "records.jsonl"), "");
    expect(() => readRuns([one, join(folder, "empty")])).toThrow(/no records yet/);
  });
});
