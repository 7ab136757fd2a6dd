import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const program = fileURLToPath(new URL("../dist/main.js", import.meta.url));
const model = fileURLToPath(new URL("../../../tooling/parity/fixtures/gguf/qwen3-q8_0-split/model-00001-of-00002.gguf", import.meta.url));

// Without vitest's own conditions, as a user runs it.
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => name !== "NODE_OPTIONS"));

function cli(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [program, ...args], { encoding: "utf8", env: environment, input: "", timeout: 120_000 });
}

describe("the command line over a GGUF file", () => {
  test("answers with the file's own tokenizer and template", () => {
    for (const [options, weights] of [[[], "Q8_0"], [["--weights", "unpacked"], "bf16"]] as const) {
      const { status, stdout, stderr } = cli("run", "--model", model, "Hello", "-n", "4", "--json", ...options);
      expect({ status, stderr }).toMatchObject({ status: 0 });
      expect(JSON.parse(stdout)).toMatchObject({ model: { weights } });
    }
  });

  test("keeps its weights in blocks unless --weights or another type of numbers says otherwise, and does not quantise them again", () => {
    const weightsOf = (...args: string[]) => (JSON.parse(cli("inspect", "--model", model, "--json", ...args).stdout) as { checkpoint: { memory: { weights: string; weightBytes: number } } }).checkpoint.memory;
    const [stored, unpacked] = [weightsOf(), weightsOf("--weights", "unpacked")];
    expect([stored.weights, unpacked.weights, weightsOf("--backend", "reference").weights, weightsOf("--dtype", "f32").weights]).toEqual(["Q8_0", "bf16", "bf16", "f32"]);
    expect(stored.weightBytes).toBeLessThan(unpacked.weightBytes);
    const refused = cli("run", "Hello", "--model", model, "--weights", "q4_k");
    expect([refused.status, refused.stderr]).toEqual([1, expect.stringMatching(/quantised already \(Q8_0\).*\n {2}hint: Leave --weights out/) as string]);
  });

  test("inspects it: architecture, types of tensors, memory", () => {
    const { status, stdout } = cli("inspect", "--model", model);
    expect(status).toBe(0);
    expect(stdout).toContain("Qwen3ForCausalLM (adapter qwen3)");
    expect(stdout).toContain("14 tensors (9 Q8_0, 5 F32)");
  });

  test("refuses a part that is missing, with a hint", () => {
    const { status, stderr } = cli("run", "x", "--model", model.replace("00001-of-00002", "00001-of-00003"));
    expect(status).toBe(1);
    expect(stderr).toMatch(/does not exist.*\n {2}hint: /);
    expect(stderr).not.toMatch(/\n\s+at /);
  });
});
