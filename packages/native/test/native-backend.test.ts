import { OutOfMemoryError, ReferenceBackend, ShapeError } from "@elastic-attention/tensor";
import { describe, expect, it } from "vitest";
import { CallArguments, computeFloats, type NativeAddon, NativeBackend } from "@elastic-attention/native";

/** Buffers in a map, no kernels. */
function memoryAddon(room: number): NativeAddon {
  const buffers = new Map<number, Uint8Array>();
  let next = 1;
  const addon = {
    allocate([bytes]: Float64Array) {
      if (bytes! > room) throw Object.assign(new Error("out of memory"), { code: "OUT_OF_MEMORY" });
      buffers.set(next, new Uint8Array(bytes!));
      return next++;
    },
    release: ([id]: Float64Array) => buffers.delete(id!),
    write: ([id]: Float64Array, data: Uint8Array) => buffers.get(id!)!.set(data),
    read: ([id]: Float64Array, data: Uint8Array) => data.set(buffers.get(id!)!),
  };
  return addon as unknown as NativeAddon;
}

function backendOf(room: number): NativeBackend {
  return new NativeBackend(memoryAddon(room), {
    name: "memory",
    device: { kind: "cpu", description: "a map", parallelism: 1, memoryBytes: 1000 },
    computeDTypes: ["f32"],
    packedDTypes: ["f32"],
  });
}

describe("NativeBackend", () => {
  it("keeps bytes in the addon and counts them", () => {
    const backend = backendOf(1000);
    const tensor = backend.upload(Float32Array.of(1, 2, 3), [3], "f32");
    expect(tensor.toFloat32()).toEqual(Float32Array.of(1, 2, 3));
    expect(backend.memory()).toMatchObject({ liveAllocations: 1, liveBytes: 12, peakBytes: 12 });
    tensor.dispose();
    expect(backend.memory().liveBytes).toBe(0);
  });

  it("turns the addon's and the device's limits into OutOfMemoryError", () => {
    expect(() => backendOf(10).allocate([11], "u8")).toThrow(OutOfMemoryError);
    expect(() => backendOf(5000).allocate([1001], "u8")).toThrow(OutOfMemoryError);
  });

  it("gives a kernel's complaints the types of this project", () => {
    const backend = backendOf(100);
    const complain = (error: Error) => () => {
      throw error;
    };
    expect(() => backend.call("add", complain(new RangeError("a leaves its buffer")), new CallArguments())).toThrow(ShapeError);
    expect(() => backend.call("add", complain(new Error("broken")), new CallArguments())).toThrow("broken");
  });
});

describe("CallArguments", () => {
  it("packs a column range as buffer, first element, rows, columns, row stride and dtype", () => {
    const backend = backendOf(1000);
    using tensor = backend.upload(new Float32Array(12), [3, 4], "f32");
    expect([...new CallArguments().tensor(tensor.columns(1, 3)).flag(true).pack()]).toEqual([1, 1, 3, 2, 4, 0, 1]);
  });

  it("refuses tensors of a backend without an addon", () => {
    using tensor = new ReferenceBackend().allocate([1], "f32");
    expect(() => new CallArguments().tensor(tensor)).toThrow(ShapeError);
  });
});

describe("computeFloats", () => {
  it("names the operand and what would do", () => {
    using tensor = backendOf(100).allocate([1], "i32");
    expect(computeFloats(["f32", "bf16"])({ input: tensor })).toEqual([
      "input is i32, the kernel computes with f32 and bf16",
    ]);
  });
});
