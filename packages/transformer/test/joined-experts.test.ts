import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ModelConfigError, ShapeError } from "@elastic-attention/core";
import { SafetensorsCheckpoint, type TensorSource, writeSafetensors } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import { JoinedExperts } from "../src/loading/joined-experts.js";

const shape = { numExperts: 2, outFeatures: 4, inFeatures: 32, alternating: true, bias: true };
const name = "experts.gate_up_proj";
/** Row `out` of expert `expert`: the same 4-bit number everywhere, another in each row. */
const code = (expert: number, out: number) => 1 + expert * 4 + out;
const values4 = [0, 0.5, 1, 1.5, 2, 3, 4, 6, -0, -0.5];

function withCheckpoint(tensors: Readonly<Record<string, TensorSource>>, work: (checkpoint: SafetensorsCheckpoint) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "joined-experts-"));
  try {
    writeSafetensors(join(folder, "model.safetensors"), new Map(Object.entries(tensors)));
    using checkpoint = SafetensorsCheckpoint.open(folder);
    work(checkpoint);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const bytes = (type: string, dimensions: readonly number[], values: Float32Array | Uint8Array): TensorSource => ({
  type: type as TensorSource["type"],
  shape: dimensions,
  bytes: () => new Uint8Array(values.buffer),
});
const bias = bytes("F32", [2, 4], Float32Array.from({ length: 8 }, (_, i) => i));
/** Floats [experts, in, out]. */
const floats = {
  [name]: bytes("F32", [2, 32, 4], Float32Array.from({ length: 256 }, (_, i) => values4[code(Math.floor(i / 128), i % 4)]!)),
  [`${name}_bias`]: bias,
};
/** The same in MXFP4: blocks [experts, out, in / 32, 16], all scales 1. */
const packed = {
  [`${name}_blocks`]: bytes("U8", [2, 4, 1, 16], Uint8Array.from({ length: 128 }, (_, i) => 0x11 * code(Math.floor(i / 64), Math.floor(i / 16) % 4))),
  [`${name}_scales`]: bytes("U8", [2, 4, 1], new Uint8Array(8).fill(127)),
  [`${name}_bias`]: bias,
};

describe("experts in one tensor", () => {
  test.each([["floats", floats], ["MXFP4", packed]])("%s: the gate's outputs come first, then those of up, biases too", (_, tensors) => {
    withCheckpoint(tensors, (checkpoint) => {
      const experts = new JoinedExperts(checkpoint, name, shape);
      for (const expert of [0, 1]) {
        const matrix = experts.matrix(expert);
        expect([0, 1, 2, 3].map((row) => matrix[row * 32 + 5])).toEqual([0, 2, 1, 3].map((out) => values4[code(expert, out)]));
      }
      expect(Array.from(experts.biases())).toEqual([0, 2, 1, 3, 4, 6, 5, 7]);
    });
  });

  test("without alternation the outputs stay where they are", () => {
    withCheckpoint(packed, (checkpoint) => {
      const matrix = new JoinedExperts(checkpoint, name, { ...shape, alternating: false }).matrix(1);
      expect([0, 1, 2, 3].map((row) => matrix[row * 32])).toEqual([0, 1, 2, 3].map((out) => values4[code(1, out)]));
    });
  });

  test("another shape, another type, and a value that is not finite are told", () => {
    withCheckpoint(floats, (checkpoint) => {
      expect(() => new JoinedExperts(checkpoint, name, { ...shape, outFeatures: 8 })).toThrow(ShapeError);
    });
    withCheckpoint({ ...packed, [`${name}_scales`]: bytes("F32", [2, 4, 1], new Float32Array(8)) }, (checkpoint) => {
      expect(() => new JoinedExperts(checkpoint, name, shape)).toThrow(/MXFP4 is kept as U8/);
    });
    withCheckpoint({ ...packed, [`${name}_scales`]: bytes("U8", [2, 4, 1], new Uint8Array(8).fill(255)) }, (checkpoint) => {
      expect(() => new JoinedExperts(checkpoint, name, shape).matrix(1)).toThrow(ModelConfigError);
    });
  });
});
