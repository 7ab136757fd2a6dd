import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { demoModelDirectory, demoModelInformation } from "../src/index.js";

const read = (file: string): unknown => JSON.parse(readFileSync(join(demoModelDirectory(), file), "utf8"));

describe("the demo model", () => {
  test("is what its facts say", () => {
    const config = read("config.json") as Record<string, number>;
    const { hidden_size: hidden, intermediate_size: intermediate, num_hidden_layers: layers, vocab_size: vocabulary } = config;
    const attention = hidden! * (8 + 2 * 4) * 64 + 8 * 64 * hidden!;
    const layer = attention + 3 * hidden! * intermediate! + 2 * hidden! + 2 * 64;
    expect(layers! * layer + vocabulary! * hidden! + hidden!).toBe(demoModelInformation.parameters);
    expect([vocabulary, config["max_position_embeddings"]]).toEqual([demoModelInformation.vocabularySize, demoModelInformation.maximumContext]);
  });

  test("has a head list of its shape", () => {
    const { scores, sparsity } = read("heads.json") as { scores: number[][]; sparsity: number };
    expect([scores.length, ...new Set(scores.map((row) => row.length))]).toEqual([12, 4]);
    expect(scores.flat().every((score) => score >= 0 && score <= 1)).toBe(true);
    expect(sparsity).toBe(0.75);
  });

  test("stays below 20 MB, routers included", () => {
    const bytes = ["model.safetensors", "routers.safetensors"].map((file) => statSync(join(demoModelDirectory(), file)).size);
    expect(bytes[0]! + bytes[1]!).toBeLessThan(20e6);
  });

  test("its log and its facts tell the same", () => {
    const lines = gunzipSync(readFileSync(join(demoModelDirectory(), "../training/log.jsonl.gz"))).toString().trim().split("\n");
    const last = lines.map((line) => JSON.parse(line) as { step?: number; tokens?: number; seconds?: number }).findLast(({ step }) => step !== undefined)!;
    const { steps, tokens, minutes } = demoModelInformation.training;
    expect([last.step, last.tokens]).toEqual([steps, tokens]);
    expect(Math.abs(last.seconds! / 60 - minutes)).toBeLessThan(0.5);
  });
});
