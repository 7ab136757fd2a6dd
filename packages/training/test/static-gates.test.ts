import { parseHeadList } from "@elastic-attention/router";
import { ReferenceBackend } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import { gatesHeadList, StaticGates } from "../src/index.js";

const place = { seed: 3, step: 2, pack: 1, layer: 0 };
const make = (kind: "hard-concrete" | "clamped") => new StaticGates(new ReferenceBackend(), kind, 2, 4, 8, 3);

describe("static gates", () => {
  test("hard-concrete gates are the same for every segment and have the derivative of their draw (relative 1e-4)", () => {
    const gates = make("hard-concrete");
    gates.parameters[0]!.set([0.2, -0.3, 0.1, -6]);
    const weights = Float64Array.of(1, -2, 0.5, 3, 0.25, 1, -1, 2);
    const value = () => Array.from(gates.decide(new Float64Array(16), place).gates).reduce((sum, gate, index) => sum + gate * weights[index]!, 0);
    const decision = gates.decide(new Float64Array(16), place);
    expect(decision.gates.slice(0, 4)).toEqual(decision.gates.slice(4));
    expect([...decision.backward(weights)]).toEqual(Array.from({ length: 16 }, () => 0));
    const gradient = [...gates.gradients()[0]!];
    for (const head of [0, 1, 2, 3]) {
      const at = gates.parameters[0]![head]!;
      const differences = [1e-3, -1e-3].map((by) => {
        gates.parameters[0]![head] = at + by;
        // The parameter is float32: divide by the step that was really made.
        return [value(), gates.parameters[0]![head]!] as const;
      });
      gates.parameters[0]![head] = at;
      const slope = (differences[0]![0] - differences[1]![0]) / (differences[0]![1] - differences[1]![1]);
      expect(Math.abs(gradient[head]! - slope)).toBeLessThanOrEqual(1e-4 * Math.max(0.01, Math.abs(slope)));
    }
    expect(gradient.slice(0, 3).some((each) => each !== 0)).toBe(true);
  });

  test("hard-concrete gates close at low log α and begin open", () => {
    const gates = make("hard-concrete");
    const open = Array.from({ length: 50 }, (_, step) => [...gates.decide(new Float32Array(8), { ...place, step }).gates]).flat();
    // The draw reaches 1 where logit(u) > 2/3 · logit(11/12) - log α, that is with 0.917 at log α = 4; four standard errors.
    expect(Math.abs(open.filter((gate) => gate === 1).length / open.length - 0.917)).toBeLessThan(0.08);
    gates.parameters[0]!.fill(-6);
    const closed = Array.from({ length: 50 }, (_, step) => [...gates.decide(new Float32Array(8), { ...place, step }).gates]).flat();
    expect(closed.filter((gate) => gate === 0).length).toBeGreaterThan(0.95 * closed.length);
  });

  test("clamped gates begin at 1 and stay between 0 and 1", () => {
    const gates = make("clamped");
    expect([...gates.decide(new Float32Array(8), place).gates]).toEqual([1, 1, 1, 1]);
    gates.parameters[0]!.set([1.5, -0.5, 0.25, 1]);
    gates.refresh();
    const decision = gates.decide(new Float32Array(8), place);
    expect([...decision.gates]).toEqual([1, 0, 0.25, 1]);
    decision.backward(Float32Array.of(1, 2, 3, 4));
    expect([...gates.gradients()[0]!]).toEqual([1, 2, 3, 4]);
  });

  test("of several tasks are each task's own, in decisions, gradients and lists", () => {
    const gates = new StaticGates(new ReferenceBackend(), "clamped", 1, 2, 8, 3, 2);
    gates.parameters[0]!.set([0.1, 0.2, 0.7, 0.8]);
    const decision = gates.decide(new Float32Array(12), place, 1, [1, 0, 1]);
    expect([...decision.gates]).toEqual([...Float32Array.of(0.7, 0.8, 0.1, 0.2, 0.7, 0.8)]);
    decision.backward(Float32Array.of(1, 2, 3, 4, 5, 6));
    expect([...gates.gradients()[0]!]).toEqual([3, 4, 6, 8]);
    expect(gatesHeadList(gates, 0.5, "test", undefined, 1).scores).toEqual([[0.7, 0.8]]);
    expect(gatesHeadList(gates, 0.5, "test", { numLayers: 2, routed: [1] }, 0).scores).toEqual([[0, 0], [0.1, 0.2]]);
  });

  test("become head lists", () => {
    const gates = make("clamped");
    gates.parameters[1]!.set([0.5, 0.1, 0.9, 0.3]);
    const list = parseHeadList(JSON.parse(JSON.stringify(gatesHeadList(gates, 0.75, "test"))) as unknown);
    expect([list.scores[1], list.sparsity]).toEqual([[0.5, 0.1, 0.9, 0.3], 0.75]);
  });
});
