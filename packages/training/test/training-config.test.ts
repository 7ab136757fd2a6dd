import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { TrainingConfigError } from "@elastic-attention/core";
import { parseTrainingConfig, publishedTasks, readTrainingConfig, trainingConfigJsonSchema } from "../src/index.js";

const minimal = { output: "out", data: { files: ["rows.jsonl"] } };

describe("the configuration", () => {
  test("has the defaults of the paper and the published code", () => {
    const config = parseTrainingConfig(minimal);
    expect(config.optimizer).toEqual({
      steps: 300,
      packsPerStep: 48,
      routerLearningRate: 5e-4,
      multiplierLearningRate: 1e-3,
      weightDecay: 0.1,
      clip: 5,
      warmUp: 0.2,
      minimum: 1e-7,
    });
    expect(config.tasks).toEqual(publishedTasks);
    expect(config.objective).toEqual({ form: "absolute", band: 0, initial: [0, 0.5] });
    expect(config.loss).toBe("next-token");
    expect(config.temperature).toEqual({ kind: "cosine", start: 1.5, end: 1, share: 0.6 });
    expect(config.data).toMatchObject({ packTokens: 65_536, minimumTokens: 1000, lossTokens: "all", pooling: 100, pooledTurn: "user" });
    expect(config.router).toEqual({ decides: "heads", relaxation: "softmax", width: 4, initializerRange: 0.02 });
  });

  test.each<[value: object, message: RegExp]>([
    [{ ...minimal, ouptut: "x" }, /ouptut is not known\.\s+hint: Did you mean `output`\?/],
    [{ ...minimal, data: { ...minimal.data, packtokens: 5 } }, /data\.packtokens is not known\.\s+hint: Did you mean `packTokens`\?/],
    [{ ...minimal, tasks: [{ name: "a", kind: "robust", targt: 1, target: 1 }] }, /tasks\.0\.targt is not known\.\s+hint: Did you mean `target`\?/],
    [{ ...minimal, temperature: { kind: "constant", value: 1, vlaue: 1 } }, /vlaue.*`value`/s],
    [{ ...minimal, zzzzzzzzzzzz: 1 }, /zzzzzzzzzzzz is not known\.$/],
    [{ ...minimal, optimizer: { steps: 0 } }, /optimizer\.steps/],
    [{ ...minimal, mode: "full" }, /mode/],
    [{ data: minimal.data }, /output/],
    [{ output: "x", data: { files: [] } }, /data\.files/],
  ])("%j is refused by name", (value, message) => {
    expect(() => parseTrainingConfig(value)).toThrow(TrainingConfigError);
    expect(() => parseTrainingConfig(value)).toThrow(message);
  });

  test("in a file names paths from the file's folder", () => {
    const folder = mkdtempSync(join(tmpdir(), "config-"));
    try {
      const path = join(folder, "train.json");
      writeFileSync(path, JSON.stringify({ ...minimal, model: "base" }));
      const { model, output, data } = readTrainingConfig(path);
      expect([model, output, ...data.files]).toEqual([join(folder, "base"), join(folder, "out"), join(folder, "rows.jsonl")]);
      writeFileSync(path, "{");
      expect(() => readTrainingConfig(path)).toThrow(TrainingConfigError);
      expect(() => readTrainingConfig(join(folder, "none.json"))).toThrow(/Cannot read/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("has the JSON Schema that the package ships", () => {
    const shipped: unknown = JSON.parse(readFileSync(new URL("../schema/training-config.json", import.meta.url), "utf8"));
    expect(shipped).toEqual(trainingConfigJsonSchema());
  });
});
