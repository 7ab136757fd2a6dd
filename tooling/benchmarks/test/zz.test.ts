import { registerBackend } from "@elastic-attention/tensor";
import { cpuProvider } from "@elastic-attention/cpu";
import { test } from "vitest";
import { benchmark } from "../src/engine/prefix-cache.bench.js";
test("bench", async () => {
  try { registerBackend(cpuProvider); } catch {}
  const result = await benchmark.run({ backend: "cpu", tiny: false } as never, (line) => console.log(line));
  console.log(JSON.stringify(result, null, 1));
}, 900000);
