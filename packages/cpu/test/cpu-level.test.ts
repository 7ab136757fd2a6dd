import { InvalidOptionError } from "@elastic-attention/core";
import { createBackend, registerBackend, referenceProvider } from "@elastic-attention/tensor";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { CpuAddon } from "../src/cpu-addon.js";
import { cpuProvider, createCpuBackend, type InstructionSet, instructionSets, leftOutInstructionSets } from "../src/index.js";
import { usableLevel } from "../src/instruction-set.js";
import { levels } from "./instruction-set-levels.js";

afterEach(() => vi.unstubAllEnvs());

describe("the level of the cpu backend", () => {
  test("is the best of the processor, the one of the environment, or the one that a caller names, which counts most", () => {
    const levelOf = (instructionSet?: InstructionSet) => {
      using backend = createCpuBackend(instructionSet === undefined ? {} : { instructionSet });
      return backend.instructionSet;
    };
    vi.stubEnv("ELASTIC_ATTENTION_CPU_LEVEL", "");
    expect(levelOf()).toBe(levels.at(-1));
    for (const level of levels) expect(levelOf(level)).toBe(level);
    vi.stubEnv("ELASTIC_ATTENTION_CPU_LEVEL", "plain");
    expect(levelOf()).toBe("plain");
    expect(levelOf(levels.at(-1)!)).toBe(levels.at(-1));
  });

  test("is refused with the list of levels when no processor, or this one, does not have it", () => {
    const missing = instructionSets.filter((level) => !levels.includes(level));
    for (const level of [...missing, "sse9" as InstructionSet]) {
      expect(() => createCpuBackend({ instructionSet: level })).toThrow(InvalidOptionError);
      expect(() => createCpuBackend({ instructionSet: level })).toThrow(expect.objectContaining({ hint: `This processor has: ${levels.join(", ")}.` }));
    }
    vi.stubEnv("ELASTIC_ATTENTION_CPU_LEVEL", "sse9");
    expect(() => createCpuBackend()).toThrow(/"sse9", which ELASTIC_ATTENTION_CPU_LEVEL asks for/);
  });

  test("is refused with the command that builds it when the addon was built without it", () => {
    const [lowest, built, leftOut] = instructionSets;
    const addon = { availableInstructionSets: () => 0b011, processorInstructionSets: () => 0b111 } as CpuAddon;
    expect(leftOutInstructionSets(addon)).toEqual([leftOut]);
    expect(usableLevel(addon)).toEqual({ level: built, code: 1 });
    expect(() => usableLevel(addon, leftOut)).toThrow(`This build leaves out the level ${leftOut}.`);
    expect(() => usableLevel(addon, leftOut)).toThrow(expect.objectContaining({ hint: `\`pnpm build\` builds all levels. This one has: ${lowest}, ${built}.` }));
    expect(() => usableLevel(addon, "amx9")).toThrow('There is no level "amx9"');
  });

  test("is a setting that other backends refuse", async () => {
    registerBackend(cpuProvider);
    registerBackend(referenceProvider);
    using backend = await createBackend("cpu", { instructionSet: "plain", threads: 1 });
    expect(backend.device.description).toBe("plain kernels on 1 thread");
    await expect(createBackend("reference", { instructionSet: "plain" })).rejects.toThrow("The backend reference has no setting instructionSet.");
  });
});
