import { readFileSync } from "node:fs";
import { join } from "node:path";
import { SafetensorsFile } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import { caseNumbers, fixtureFolder, relativeError } from "./fixture-cases.js";
import { huggingFaceCases } from "./huggingface-cases.js";
import { oracleLogits } from "./oracle/oracle-decoder.js";
import { oracleModel } from "./oracle/oracle-families.js";
import type { OracleConfig, OracleTensor } from "./oracle/oracle-model.js";

// The golden logits are float32: their own rounding is 6e-6 of the largest at the worst, and where scaled frequencies were
// rounded in another order an angle at position 700 is one bit off, which moves them by 2e-5.
const tolerance = 3e-5;

describe("the float64 oracle of every family", () => {
  test.each(huggingFaceCases.filter((name) => fixtureFolder(name) !== undefined))("computes what transformers does: %s", (name) => {
    const folder = fixtureFolder(name)!;
    using weights = SafetensorsFile.open(join(folder, "model.safetensors"));
    using golden = SafetensorsFile.open(join(folder, "case.safetensors"));
    const tensors = new Map<string, OracleTensor>();
    for (const [tensor, { shape }] of weights.tensors) tensors.set(tensor, { shape, values: Float64Array.from(caseNumbers(weights, tensor)) });
    const model = oracleModel(JSON.parse(readFileSync(join(folder, "config.json"), "utf8")) as OracleConfig);
    const logits = oracleLogits(model, tensors, caseNumbers(golden, "input_ids"));
    const flat = (rows: readonly Float64Array[]) => rows.flatMap((row) => Array.from(row));
    expect(relativeError(flat(logits.slice(-16)), caseNumbers(golden, "logits"))).toBeLessThan(tolerance);
    expect(relativeError(flat([0, 99, 349].map((row) => logits[row]!)), caseNumbers(golden, "logits_at_0_99_349"))).toBeLessThan(tolerance);
  }, 180_000);
});
