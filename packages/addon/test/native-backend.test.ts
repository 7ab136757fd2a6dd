import { OutOfMemoryError, ShapeError } from "@elastic-attention/core";
import { ReferenceBackend, hostWorkSizes } from "@elastic-attention/tensor";
import { describe, expect, it } from "vitest";
import { CallArguments, computeFloats, type NativeAddon, NativeBackend } from "@elastic-attention/addon";

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
    device: { workSizes: hostWorkSizes, description: "a map", parallelism: 1, memoryBytes: 1000 },
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

describe("a download that is started", () => {
  /** Reads are finished in `finished`, given back in `released`; a tensor of more than 8 bytes is too large. */
  function readingBackend() {
    const [finished, released]: [number[], number[]] = [[], []];
    let next = 7;
    const reads = new Map<number, Uint8Array>();
    const addon = memoryAddon(1000);
    const reading: NativeAddon = {
      ...addon,
      pendingReadBytes: 8,
      startRead(tensor) {
        const bytes = new Uint8Array(8);
        addon.read(tensor, bytes);
        reads.set(next, bytes);
        return next++;
      },
      finishRead: ([read]) => (finished.push(read!), reads.get(read!)!),
      releaseRead: ([read]) => (released.push(read!), reads.delete(read!)),
    };
    const traits = { name: "reading", device: { workSizes: hostWorkSizes, description: "a map", parallelism: 1, memoryBytes: 1000 }, computeDTypes: [], packedDTypes: [] } as const;
    return { backend: new NativeBackend(reading, traits), finished, released };
  }

  it("is read once, when it is asked for, and given back once", () => {
    const { backend, finished, released } = readingBackend();
    using tensor = backend.upload(Float32Array.of(1, 2), [2], "f32");
    const [first, second] = [tensor.startDownload(), tensor.startDownload()];
    expect(finished).toEqual([]);
    expect(new Float32Array(second.read().buffer)).toEqual(Float32Array.of(1, 2));
    second.read();
    expect(finished).toEqual([8]);
    expect(backend.memory()).toMatchObject({ liveAllocations: 3, liveBytes: 8 });
    for (const download of [first, second, first]) download.dispose();
    expect(released).toEqual([7, 8]);
    expect(backend.memory().liveAllocations).toBe(1);
  });

  it("is read at once where the addon cannot wait for it, or not for that much", () => {
    const { backend, finished, released } = readingBackend();
    for (const each of [backend, backendOf(1000)]) {
      using tensor = each.upload(Float32Array.of(1, 2, 3), [3], "f32");
      using download = tensor.startDownload();
      each.write(tensor, new Float32Array(3));
      expect(new Float32Array(download.read().buffer)).toEqual(Float32Array.of(1, 2, 3));
      expect(each.memory().liveAllocations).toBe(2);
    }
    expect([...finished, ...released]).toEqual([]);
  });

  it("counts nothing when it cannot be started", () => {
    const { backend } = readingBackend();
    using tensor = backend.allocate([1], "f32");
    Object.assign(backend.addon, {
      startRead() {
        throw new Error("captured");
      },
    });
    expect(() => tensor.startDownload()).toThrow("captured");
    expect(backend.memory().liveAllocations).toBe(1);
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
