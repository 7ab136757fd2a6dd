import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { ElasticAttentionError, HubError, HubNotFoundError, NoFiniteLogitError, OutOfMemoryError, recordError, reviveError, ShapeError } from "../src/index.js";

const folder = new URL("../src/errors/", import.meta.url);
const classFiles = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith("-error.ts"));

describe("errors", () => {
  it("are of their class and of the classes above it, and of no other", () => {
    const error = new HubNotFoundError("repository a/b");
    expect([HubNotFoundError, HubError, ElasticAttentionError, ShapeError].map((known) => known.isInstance(error))).toEqual([true, true, true, false]);
    expect(ElasticAttentionError.isInstance(new Error("SHAPE"))).toBe(false);
    expect(ElasticAttentionError.isInstance({ code: "SHAPE" })).toBe(false);
  });

  it("of another copy of the package are recognised, where instanceof says no", async () => {
    vi.resetModules();
    const other = await import("../src/index.js");
    const error = new other.OutOfMemoryError("cpu", 4, 3, 2);
    expect(error instanceof OutOfMemoryError).toBe(false);
    expect(OutOfMemoryError.isInstance(error)).toBe(true);
    expect(ShapeError.isInstance(error)).toBe(false);
  });

  it("of a class without a name of its own are recognised by instanceof alone, not as another class", () => {
    class Unregistered extends ShapeError {}
    expect(Unregistered.isInstance(new ShapeError("x"))).toBe(false);
    expect(Unregistered.isInstance(new Unregistered("x"))).toBe(true);
  });

  it("come back from a record with class, code, hint, fields and message", () => {
    const before = new NoFiniteLogitError(1, Int32Array.of(3, -1));
    const after = reviveError(structuredClone(recordError(before)));
    expect(NoFiniteLogitError.isInstance(after)).toBe(true);
    expect(after).toMatchObject({ code: before.code, hint: before.hint, message: before.message, tokens: Int32Array.of(3, -1), name: "NoFiniteLogitError" });
    expect(reviveError(recordError(new TypeError("not ours")))).toBeUndefined();
  });

  it("have a file each, which registers the class under its name", () => {
    expect(classFiles.length).toBeGreaterThan(40);
    for (const path of classFiles) {
      const classes = [...readFileSync(new URL(path, folder), "utf8").matchAll(/^export class (\w+)/gm)].map((match) => match[1]!);
      expect(classes).toHaveLength(1);
      const [name] = classes as [string];
      expect(ElasticAttentionError.named(name)?.name).toBe(name);
      expect(path.replace(/^.*\//, "")).toBe(`${name.replace(/(?<=[a-z])(?=[A-Z])/g, "-").toLowerCase()}.ts`);
    }
  });
});
