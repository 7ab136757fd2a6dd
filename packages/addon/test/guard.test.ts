import { DeviceError, OutOfMemoryError, recordError, reviveError, ShapeError } from "@elastic-attention/core";
import { hostWorkSizes, type Tensor } from "@elastic-attention/tensor";
import { describe, expect, it } from "vitest";
import { guardAddon, guardCall, type NativeAddon, NativeBackend, requiredExports } from "@elastic-attention/addon";

const optionalExports = [
  "startRead", "finishRead", "releaseRead", "synchronize", "recordFence", "fenceReached", "reserve", "grow", "clear", "readFile",
] as const satisfies readonly (keyof NativeAddon)[];

/** What each function of the addon throws now, by name; undefined: it works on buffers in a map. */
function fragileAddon() {
  const faults = new Map<string, unknown>();
  const buffers = new Map<number, Uint8Array>();
  let next = 1;
  const working: Record<string, (...values: never[]) => unknown> = {
    allocate: ([bytes]: Float64Array) => (buffers.set(next, new Uint8Array(bytes!)), next++),
    reserve: ([bytes]: Float64Array) => (buffers.set(next, new Uint8Array(bytes!)), next++),
    release: ([id]: Float64Array) => buffers.delete(id!),
    write: ([id]: Float64Array, data: Uint8Array) => buffers.get(id!)!.set(data),
    read: ([id]: Float64Array, data: Uint8Array) => data.set(buffers.get(id!)!),
    startRead: () => next++,
    finishRead: () => new Uint8Array(8),
    recordFence: () => next++,
    fenceReached: () => true,
  };
  const functions = [...requiredExports, ...optionalExports].map((name) => [
    name,
    (...values: never[]) => {
      if (faults.has(name)) throw faults.get(name);
      return working[name]?.(...values);
    },
  ]);
  const addon = { ...Object.fromEntries(functions), pendingReadBytes: 8 } as unknown as NativeAddon;
  const backend = new NativeBackend(addon, {
    name: "fragile",
    device: { workSizes: hostWorkSizes, description: "a map", parallelism: 1, memoryBytes: 1000 },
    computeDTypes: ["f32"],
    packedDTypes: ["f32"],
  });
  return { backend, faults, buffers };
}

type Fragile = ReturnType<typeof fragileAddon>;

function onTensor(use: (tensor: Tensor, fragile: Fragile) => unknown): (fragile: Fragile) => unknown {
  return (fragile) => {
    const tensor = fragile.backend.allocate([2], "f32");
    return use(tensor, fragile);
  };
}

/** How a backend's user comes to each function that is no kernel. */
const uses: Record<string, (fragile: Fragile) => unknown> = {
  allocate: ({ backend }) => backend.allocate([1], "f32"),
  release: onTensor((tensor) => tensor.dispose()),
  write: ({ backend }) => backend.upload(new Float32Array(2), [2], "f32"),
  read: onTensor((tensor) => tensor.download()),
  startRead: onTensor((tensor) => tensor.startDownload()),
  finishRead: onTensor((tensor) => tensor.startDownload().read()),
  releaseRead: onTensor((tensor) => tensor.startDownload().dispose()),
  synchronize: ({ backend }) => backend.synchronize(),
  recordFence: ({ backend }) => backend.fence(),
  fenceReached: ({ backend }) => backend.fence().wait(),
  reserve: ({ backend }) => backend.reserve!(4, 2, "f32"),
  grow: ({ backend }) => backend.reserve!(4, 2, "f32").grow(2),
  clear({ backend }) {
    const rows = backend.reserve!(4, 2, "f32");
    rows.grow(2);
    rows.clear();
  },
  readFile: onTensor((tensor, { backend }) => backend.readFile!(tensor, 0, 0)),
};

/** Every function of the addon: those above as a user reaches them, and each as code with the backend calls it. */
const everyUse: readonly (readonly [string, string, (fragile: Fragile) => unknown])[] = [
  ...Object.entries(uses).map(([name, use]) => [name, "through the backend", use] as const),
  ...[...requiredExports, ...optionalExports].map(
    (name) => [name, "called directly", ({ backend }: Fragile) => (backend.addon[name] as (values: Float64Array) => unknown)(Float64Array.of(1))] as const,
  ),
];

describe.each(everyUse)("a failure of %s, %s,", (name, _how, use) => {
  /** The error of the failing use, and the backend afterwards. */
  async function failing(fault: unknown) {
    const fragile = fragileAddon();
    fragile.faults.set(name, fault);
    const error = await (async () => use(fragile))().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    return { ...fragile, error };
  }

  it("is a DeviceError in the driver's words", async () => {
    const fault = Object.assign(new Error("cudaMemcpyAsync: an illegal memory access was encountered"), { code: "DEVICE", sticky: true });
    const { error } = await failing(fault);
    expect(error).toBeInstanceOf(DeviceError);
    expect(error).toMatchObject({ backendName: "fragile", operation: name, problem: fault.message, sticky: true, cause: fault });
    const [plain, odd] = [(await failing(new Error("broken."))).error, (await failing("no error at all")).error];
    expect(plain).toMatchObject({ code: "DEVICE", sticky: false, message: expect.stringMatching(new RegExp(`^fragile: ${name} failed: broken\\.\\n`)) as string });
    expect(odd).toMatchObject({ code: "DEVICE", problem: "no error at all" });
  });

  it("is a ShapeError for wrong arguments", async () => {
    for (const fault of [new TypeError("ids is missing"), new RangeError("a leaves its buffer")]) {
      const { error } = await failing(fault);
      expect(error).toBeInstanceOf(ShapeError);
      expect((error as Error).message).toContain(`${name}: ${fault.message}.`);
    }
  });

  it("is an OutOfMemoryError of the account where there is no memory", async () => {
    const { error, backend } = await failing(Object.assign(new Error("out of memory"), { code: "OUT_OF_MEMORY", requestedBytes: 77 }));
    expect(error).toBeInstanceOf(OutOfMemoryError);
    expect(error).toMatchObject({ backendName: "fragile", liveBytes: expect.any(Number) as number });
    expect((error as OutOfMemoryError).requestedBytes).toBeGreaterThan(0);
    expect(backend.memory().liveBytes).toBeLessThanOrEqual(16);
  });
});

describe("memory after a failing call", () => {
  it("is counted as free when giving it back failed", () => {
    const { backend, faults } = fragileAddon();
    const tensor = backend.allocate([4], "f32");
    faults.set("release", new Error("broken"));
    expect(() => tensor.dispose()).toThrow(DeviceError);
    expect(backend.memory()).toMatchObject({ liveAllocations: 0, liveBytes: 0 });
  });

  it("is given back when an upload fails, and the next one works", () => {
    const { backend, faults, buffers } = fragileAddon();
    faults.set("write", new Error("broken"));
    expect(() => backend.upload(new Float32Array(2), [2], "f32")).toThrow(DeviceError);
    expect([backend.memory().liveBytes, buffers.size]).toEqual([0, 0]);
    faults.clear();
    using tensor = backend.upload(Float32Array.of(1, 2), [2], "f32");
    expect(tensor.toFloat32()).toEqual(Float32Array.of(1, 2));
  });
});

describe("guardAddon", () => {
  const translate = (operation: string, error: unknown) => new DeviceError("test", operation, (error as Error).message);

  it("keeps what is no function, and what functions return", () => {
    const guarded = guardAddon({ bytes: 8, twice: (x: number) => 2 * x }, translate);
    expect([guarded.bytes, guarded.twice(4)]).toEqual([8, 8]);
  });

  it("guards the methods of an instance, with their this, and promises that are rejected", async () => {
    class Adder {
      total = 1;
      add(x: number, y: number, z: number) {
        if (Number.isNaN(x)) throw new Error("not a number");
        return this.total + x + y + z;
      }
      async later(): Promise<never> {
        throw new Error("late");
      }
    }
    const guarded = guardAddon(new Adder(), translate);
    expect(guarded.add(1, 2, 3)).toBe(7);
    expect(() => guarded.add(NaN, 0, 0)).toThrow(/test: add failed: not a number/);
    await expect(guarded.later()).rejects.toThrow(/test: later failed: late/);
  });

  it("lets this project's errors pass", () => {
    const own = new ShapeError("wrong");
    expect(() => guardCall("test", "add", () => { throw own; })).toThrow(own);
    expect(() => guardCall("test", "add", () => { throw Object.assign(new Error(), { code: "OUT_OF_MEMORY" }); })).toThrow(OutOfMemoryError);
    expect(guardCall("test", "add", () => 3)).toBe(3);
  });
});

describe("DeviceError", () => {
  it("is whole behind a thread boundary, and says what to do", () => {
    const lost = new DeviceError("cuda", "read", "an illegal memory access was encountered", { sticky: true });
    const revived = reviveError(structuredClone(recordError(lost)));
    expect(DeviceError.isInstance(revived)).toBe(true);
    expect(revived).toMatchObject({ backendName: "cuda", operation: "read", sticky: true, problem: lost.problem, message: lost.message });
    expect(lost.hint).toMatch(/lost to this process: restart/);
    expect(new DeviceError("cuda", "read", "busy").hint).toMatch(/Try again/);
  });
});
