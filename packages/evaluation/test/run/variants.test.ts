import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HeadListError, UnknownNameError } from "@elastic-attention/core";
import { cpuProvider } from "@elastic-attention/cpu";
import { demoModelDirectory } from "@elastic-attention/demo-model";
import { LocalEngine } from "@elastic-attention/generation";
import { registerQwen } from "@elastic-attention/model-qwen";
import { randomHeadList } from "@elastic-attention/router";
import { registerBackend } from "@elastic-attention/tensor";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseVariants, readHeadScores, variantRouter } from "../../src/index.js";

const folder = mkdtempSync(join(tmpdir(), "variants-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

describe("a list of modes", () => {
  const names = (text: string, options = {}) => parseVariants(text, options).map(({ name }) => name);

  test("is read in order, each once", () => {
    expect(names("full, fa-ssa,static:0.7 ,full,list:/a:b/heads.tsv:0.25")).toEqual(["full", "fa-ssa", "static:0.7", "list:/a:b/heads.tsv:0.25"]);
    expect(parseVariants("list:/a:b/heads.tsv:0.25,list:heads.json")).toMatchObject([
      { file: "/a:b/heads.tsv", sparsity: 0.25 },
      { file: "heads.json" },
    ]);
  });

  test("takes the dial for the elastic modes, and the sweep behind all of them", () => {
    expect(names("full,fa-ssa,xattention", { sparsity: 0.6, sweep: [0, 1] })).toEqual(["full", "fa-ssa@0.6", "xattention", "fa-ssa@0", "fa-ssa@1"]);
    // Asked for by name as well: no point of the sweep, but a mode of the tables.
    expect(parseVariants("full,fa-ssa", { sparsity: 0.5, sweep: [0.5] }).filter(({ name }) => name === "fa-ssa@0.5")).toMatchObject([{ sweep: false }]);
  });

  test.each<[string, object, RegExp]>([
    ["fa-sssa", {}, /no mode called "fa-sssa"[\s\S]*Did you mean "fa-ssa"/],
    ["", {}, /no mode to evaluate/],
    ["static:1.5", {}, /between 0 and 1/],
    ["random:much", {}, /between 0 and 1/],
    ["static", {}, /needs a share[\s\S]*static:0.7/],
    ["list", {}, /needs a file/],
    ["full,streaming", { sweep: [0.5] }, /no mode here has one/],
    ["fa-ssa", { sweep: [2] }, /--sweep 2.*between 0 and 1/],
  ])("%j is refused", (text, options, words) => {
    expect(() => parseVariants(text, options)).toThrow(words);
    if (text === "fa-sssa") expect(() => parseVariants(text)).toThrow(UnknownNameError);
  });
});

describe("head scores from a file", () => {
  test("are a list of ours, or the matrix that others publish", () => {
    const own = file("heads.json", JSON.stringify({ version: 1, description: "", scores: [[1, 0.5]], sparsity: 0.25 }));
    expect(readHeadScores(own)).toMatchObject({ scores: [[1, 0.5]], sparsity: 0.25 });
    expect(readHeadScores(file("heads.tsv", "0.1\t0.9\n1.0\t0.25\n")).scores).toEqual([[0.1, 0.9], [1, 0.25]]);
    expect(readHeadScores(file("heads.csv", "# layer by head\n1e-3, 2\n")).scores).toEqual([[0.001, 2]]);
  });

  test.each([
    ["words.tsv", "a b\n", /neither a head list in JSON nor a matrix/],
    ["ragged.tsv", "1 2\n3\n", /same heads/],
    ["broken.json", "{", /not JSON/],
    ["empty.tsv", "\n", /neither/],
  ])("%s is refused", (name, text, words) => {
    expect(() => readHeadScores(file(name, text))).toThrow(words);
    expect(() => readHeadScores(file(name, text))).toThrow(HeadListError);
  });

  test("that are not there are an error that names them", () => {
    expect(() => readHeadScores("/nonexistent/heads.tsv")).toThrow(/nonexistent/);
  });
});

describe("the router of a variant", () => {
  let engine: LocalEngine;
  beforeAll(async () => {
    registerBackend(cpuProvider);
    registerQwen();
    engine = await LocalEngine.load({ path: demoModelDirectory(), backend: "cpu", threads: 1 });
  });
  afterAll(() => engine[Symbol.asyncDispose]());

  async function route(text: string): Promise<{ sparsity: number; modes: readonly string[]; map: string }> {
    const [variant] = parseVariants(text);
    const router = variantRouter(variant!, engine, 3);
    const tokens = engine.tokenizer.encode("word ".repeat(200));
    const request = { tokens, maxNewTokens: 1, ...(router === undefined ? { mode: "full" as const } : { router }) };
    for await (const event of engine.generate(request)) {
      if (event.type === "finish") {
        const { modelSparsity: sparsity, modes, headMap } = event.report;
        return { sparsity, modes, map: headMap.flat().join("") };
      }
    }
    throw new Error("no finish event");
  }

  test("sends heads where its name says", async () => {
    expect(await route("full")).toMatchObject({ sparsity: 0, modes: ["FA"] });
    expect(await route("streaming")).toMatchObject({ sparsity: 1, modes: ["FA", "SSA"] });
    expect(await route("xattention")).toMatchObject({ sparsity: 1, modes: ["FA", "XA"] });
    const learned = await route("fa-ssa");
    expect(learned.modes).toEqual(["FA", "SSA"]);
    expect(await route("fa-xa")).toMatchObject({ sparsity: learned.sparsity, modes: ["FA", "XA"] });
    expect(await route("static:0.5")).toMatchObject({ sparsity: 0.5 });
    expect(await route("random:0.5")).toMatchObject({ sparsity: 0.5 });
    expect((await route("random:0.5")).map).toBe((await route("random:0.5")).map);
    expect((await route("random:0.5")).map).not.toBe((await route("static:0.5")).map);
  });

  test("takes a list of another's, if it fits the model", async () => {
    const scores = randomHeadList({ numLayers: 12, numKeyValueHeads: 4, seed: 9 }).scores.map((row) => row.join("\t")).join("\n");
    expect(await route(`list:${file("duo.tsv", scores)}:0.25`)).toMatchObject({ sparsity: 0.25 });
    await expect(route(`list:${file("small.tsv", "1 2\n3 4\n")}`)).rejects.toThrow(/2 layers of 2 heads; the model has 12 of 4/);
  });
});
