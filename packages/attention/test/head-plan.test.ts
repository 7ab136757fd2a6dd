import { InvalidModeError, ShapeError } from "@elastic-attention/core";
import { ReferenceBackend } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import { type AttentionMode, HeadPlan } from "../src/index.js";

const modes: readonly AttentionMode[] = [{ kind: "full" }, { kind: "streaming", sinkTokens: 4, localTokens: 8, blockSize: 4 }];

/** A deferred plan of two sequences with two heads, and how often it decided and gave its source back. */
function deferred(rows: readonly ArrayLike<number>[]) {
  const backend = new ReferenceBackend();
  const counts = { decided: 0, disposed: 0 };
  const source = { [Symbol.dispose]: () => void counts.disposed++ };
  const decide = () => {
    counts.decided += 1;
    return rows;
  };
  return { backend, counts, plan: HeadPlan.deferred({ backend, modes, shape: [2, 2], decide, source }) };
}

describe("a deferred plan", () => {
  test("knows its shape, decides once when it is asked, and gives its source back then", () => {
    const { backend, plan, counts } = deferred([[0, 1], [1, 1]]);
    expect([plan.numSequences, plan.numKeyValueHeads]).toEqual([2, 2]);
    expect(counts).toEqual({ decided: 0, disposed: 0 });
    expect(plan.modeOf(0, 1)).toBe(modes[1]);
    expect(Array.from(plan.hostAssignment())).toEqual([0, 1, 1, 1]);
    expect(Array.from(plan.assignment.download())).toEqual([0, 1, 1, 1]);
    plan.dispose();
    expect(counts).toEqual({ decided: 1, disposed: 1 });
    expect(backend.memory().liveAllocations).toBe(0);
  });

  test("that is never asked gives its source back with the plan", () => {
    const { plan, counts } = deferred([[0, 1], [1, 1]]);
    plan.dispose();
    plan.dispose();
    expect(counts).toEqual({ decided: 0, disposed: 1 });
  });

  test.each([[[[0, 1]]], [[[0, 1], [1]]], [[[0, 1], [1, 2]]], [[[0, 256], [0, 0]]], [[[0, 0.5], [0, 0]]]])("refuses the decision %j where it is asked for", (rows) => {
    const { plan, counts } = deferred(rows);
    expect(() => plan.hostAssignment()).toThrow(ShapeError);
    expect(counts.disposed).toBe(0);
    plan.dispose();
    expect(counts.disposed).toBe(1);
  });

  test("with modes that are none is refused at once, and the source stays the caller's", () => {
    const backend = new ReferenceBackend();
    const source = {
      [Symbol.dispose]() {
        throw new Error("not the plan's");
      },
    };
    const invalid = [{ kind: "streaming", sinkTokens: -1, localTokens: 8, blockSize: 4 }];
    expect(() => HeadPlan.deferred({ backend, modes: invalid, shape: [1, 1], decide: () => [[0]], source })).toThrow(InvalidModeError);
  });
});
