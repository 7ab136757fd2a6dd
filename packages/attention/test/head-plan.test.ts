import { InvalidModeError, ShapeError } from "@elastic-attention/core";
import { ReferenceBackend } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import { type AttentionMode, HeadPlan, waitForPatterns } from "../src/index.js";

const modes: readonly AttentionMode[] = [{ kind: "full" }, { kind: "streaming", sinkTokens: 4, localTokens: 8, blockSize: 4 }];

/** A pending plan of two sequences with two heads, and how often it decided and gave its source back. */
function pending(rows: readonly ArrayLike<number>[]) {
  const backend = new ReferenceBackend();
  const counts = { decided: 0, disposed: 0 };
  const source = { [Symbol.dispose]: () => void counts.disposed++ };
  const decide = () => {
    counts.decided += 1;
    return rows;
  };
  return { backend, counts, plan: HeadPlan.pending({ modes, shape: [2, 2], decide, source }) };
}

describe("a plan that the host decides later", () => {
  test("knows its shape, decides once when it is asked, and gives its source back then", () => {
    const { backend, plan, counts } = pending([[0, 1], [1, 1]]);
    expect([plan.numSequences, plan.numKeyValueHeads]).toEqual([2, 2]);
    expect(counts).toEqual({ decided: 0, disposed: 0 });
    expect(plan.waitForModes(0)[1]).toBe(modes[1]);
    expect(Array.from(plan.waitForAssignment())).toEqual([0, 1, 1, 1]);
    expect(Array.from(plan.waitForAssignment())).toEqual([0, 1, 1, 1]);
    plan.dispose();
    expect(counts).toEqual({ decided: 1, disposed: 1 });
    expect(backend.memory().liveAllocations).toBe(0);
  });

  test("that is never asked gives its source back with the plan", () => {
    const { plan, counts } = pending([[0, 1], [1, 1]]);
    plan.dispose();
    plan.dispose();
    expect(counts).toEqual({ decided: 0, disposed: 1 });
  });

  test.each([[[[0, 1]]], [[[0, 1], [1]]], [[[0, 1], [1, 2]]], [[[0, 256], [0, 0]]], [[[0, 0.5], [0, 0]]]])("refuses the decision %j where it is asked for", (rows) => {
    const { plan, counts } = pending(rows);
    expect(() => plan.waitForAssignment()).toThrow(ShapeError);
    expect(counts.disposed).toBe(0);
    plan.dispose();
    expect(counts.disposed).toBe(1);
  });

  test("with modes that are none is refused at once, and the source stays the caller's", () => {
    const source = {
      [Symbol.dispose]() {
        throw new Error("not the plan's");
      },
    };
    const invalid = [{ kind: "streaming", sinkTokens: -1, localTokens: 8, blockSize: 4 }];
    expect(() => HeadPlan.pending({ modes: invalid, shape: [1, 1], decide: () => [[0]], source })).toThrow(InvalidModeError);
  });
});

describe("a plan that a device decides", () => {
  test("is taken from there until the host has read it, and gives everything back", () => {
    const backend = new ReferenceBackend();
    const plan = HeadPlan.onDevice({ modes, assignment: backend.upload(Uint8Array.of(0, 1, 1, 1), [2, 2], "u8") });
    const decision = plan.decisionOf(1)!;
    expect([decision.row, decision.choices.map(({ type }) => type)]).toEqual([1, ["full", "streaming"]]);
    expect(waitForPatterns(decision).patterns).toEqual([decision.choices[1], decision.choices[1]]);
    expect(plan.waitForModes(0)).toEqual([modes[0], modes[1]]);
    expect(plan.decisionOf(1)).toBeUndefined();
    plan.dispose();
    expect(backend.memory().liveAllocations).toBe(0);
  });

  test("is left to the host where a mode chooses blocks", () => {
    using backend = new ReferenceBackend();
    const xattention: AttentionMode = { kind: "xattention", stride: 4, threshold: 0.9, blockSize: 8 };
    using plan = HeadPlan.onDevice({ modes: [...modes, xattention], assignment: backend.upload(Uint8Array.of(2, 0), [1, 2], "u8") });
    expect(plan.decisionOf(0)).toBeUndefined();
    expect(plan.waitForModes(0)).toEqual([xattention, modes[0]]);
  });

  test("with modes that are none is refused, and the assignment stays the caller's", () => {
    using backend = new ReferenceBackend();
    using assignment = backend.upload(Uint8Array.of(0), [1, 1], "u8");
    expect(() => HeadPlan.onDevice({ modes: [{ kind: "unheard of" }], assignment })).toThrow(InvalidModeError);
    expect(backend.memory().liveAllocations).toBe(1);
  });
});
