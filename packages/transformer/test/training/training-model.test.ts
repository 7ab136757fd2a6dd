import { OutOfMemoryError, ShapeError, TrainingPackError } from "@elastic-attention/core";
import { type AttentionMode, dualAttention } from "@elastic-attention/attention";
import { ReferenceBackend } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import {
  forward,
  keptAttentionBytes,
  predictTrainingMemory,
  PretrainedModel,
  TrainingModel,
  type TrainingPack,
  type TrainingStepOptions,
} from "../../src/index.js";
import { tinyCheckpoint } from "../tiny-checkpoint.js";
import { gateLoss, randomRouters, RelaxationDouble, trainingPack } from "./training-doubles.js";
import { modes, withModel } from "./training-setup.js";

describe("a training step", () => {
  test("is the same bit for bit with and without checkpoints, and asks each layer's relaxation once", async () => {
    await withModel(
      async ({ model, options }) => {
        const relaxation = new RelaxationDouble("straight");
        const stored = await model.step({ ...options, decide: relaxation.decide });
        expect(relaxation.decided).toEqual([0, 1]);
        const plain = await model.step({ ...options, checkpointing: false });
        expect(plain).toEqual(stored);
        // Outputs of the attention kept by no layer, and by one of the two.
        expect(await model.step({ ...options, attentionMemoryBytes: 0 })).toEqual(stored);
        expect(await model.step({ ...options, attentionMemoryBytes: keptAttentionBytes(model.spec, "f32", 12) })).toEqual(stored);
        for (const gradient of plain.routerGradients) expect(gradient.some((value: number) => value !== 0)).toBe(true);
      },
      { precision: "f32" },
    );
  });

  test("computes attention once where it may keep its outputs, and needs the memory that was predicted", async () => {
    using folder = tinyCheckpoint();
    const backend = new ReferenceBackend();
    using pretrained = await PretrainedModel.open({ path: folder.path, backend });
    using model = TrainingModel.share(pretrained.decoder, { chunkRows: 8 });
    const routers = randomRouters(backend, 2, 8);
    const { decide } = new RelaxationDouble("straight");
    const options = { pack: trainingPack([70, 50]), routers, retrievalMode: modes.full, sparseMode: modes.streaming, decide, gateLoss };
    let calls = 0;
    backend.kernels.register(dualAttention, {
      name: "counted",
      supports: () => [],
      run(call, target) {
        calls += 1;
        dualAttention.reference.run(call, target);
      },
    });
    await model.step(options);
    const kept = keptAttentionBytes(model.spec, "f32", 120);
    for (const layers of [0, 1, 2]) {
      calls = 0;
      backend.resetPeak();
      const before = backend.memory().liveBytes;
      await model.step({ ...options, attentionMemoryBytes: layers * kept });
      expect(calls).toBe(4 - layers);
      // Layers that keep their outputs have them beside what the prediction counts for the layer at work.
      const predicted = predictTrainingMemory(model.spec, "f32", 120, { chunkRows: 8 }) + layers * kept;
      const used = backend.memory().peakBytes - before;
      expect(used).toBeLessThan(1.02 * predicted);
      expect(used).toBeGreaterThan(0.6 * predicted);
    }
    for (const router of routers) router[Symbol.dispose]();
  });

  test("of several segments is the sum of each alone", async () => {
    await withModel(
      async ({ model, options }) => {
        const lengths = [9, 1, 6, 13];
        const whole = await model.step({ ...options, pack: trainingPack(lengths), decide: new RelaxationDouble("straight").decide });
        const pack = trainingPack(lengths);
        const parts = [];
        for (const [index] of lengths.entries()) {
          const { decide } = new RelaxationDouble("straight", [index]);
          const part = segmentOf(pack, index);
          if (!part.targets.some((target) => target >= 0)) continue;
          parts.push({ index, count: part.targets.filter((target) => target >= 0).length, result: await model.step({ ...options, pack: part, decide, gateLoss: noGateLoss }) });
        }
        const withoutGateLoss = await model.step({ ...options, pack, decide: new RelaxationDouble("straight").decide, gateLoss: noGateLoss });
        expect(withoutGateLoss.gates).toEqual(whole.gates);
        const total = parts.reduce((sum, { count }) => sum + count, 0);
        const loss = parts.reduce((sum, { count, result }) => sum + (count / total) * result.languageModelLoss, 0);
        expect(withoutGateLoss.languageModelLoss).toBeCloseTo(loss, 12);
        for (const [layer, gradient] of withoutGateLoss.routerGradients.entries()) {
          const largest = Math.max(...Array.from(gradient, Math.abs));
          for (const [i, value] of gradient.entries()) {
            const sum = parts.reduce((partial, { count, result }) => partial + (count / total) * result.routerGradients[layer]![i]!, 0);
            expect(Math.abs(value - sum)).toBeLessThan(1e-12 * Math.max(1, largest));
          }
        }
      },
      { lengths: [5] },
    );
  });

  test.each<[name: string, mode: AttentionMode]>([
    ["pages by query", { kind: "pages", sinkTokens: 1, localTokens: 1, pageTokens: 16, budget: 16 }],
    ["chosen retention", { kind: "snap", sinkTokens: 4, localTokens: 8, blockSize: 4, keptTokens: 8, scoringRows: 4, poolTokens: 1 }],
    ["block search", { kind: "flash-prefill", blockSize: 8, stride: 4, alpha: 0.9 }],
  ])("gives routers between full attention and %s gradients, as the loss differs between the two", async (_, sparseMode) => {
    await withModel(
      async ({ model, options: given }) => {
        const options = { ...given, sparseMode, pack: trainingPack([70, 40]), gateLoss: noGateLoss };
        const lossAt = async (gate: number) => {
          const decide = (_layer: number, logits: { readonly length: number }) => ({ gates: new Float32Array(logits.length / 2).fill(gate), backward: () => new Float32Array(logits.length) });
          return (await model.step({ ...options, decide })).languageModelLoss;
        };
        const [full, sparse, between] = [await lossAt(1), await lossAt(0), await lossAt(0.5)];
        expect(Math.abs(full - sparse)).toBeGreaterThan(1e-5);
        expect([full, sparse, between].every(Number.isFinite)).toBe(true);
        const { routerGradients } = await model.step({ ...options, decide: new RelaxationDouble("straight").decide });
        for (const gradient of routerGradients) expect(gradient.some((value: number) => value !== 0)).toBe(true);
      },
      { precision: "f32" },
    );
  });

  test("has no dense rows: a mode with some is refused by name", async () => {
    await withModel(async ({ model, options }) => {
      await expect(model.step({ ...options, sparseMode: { ...modes.streaming, denseRows: 4 } })).rejects.toThrow(/streaming: denseRows is not implemented in training/);
    });
  });

  test("computes the loss that the decoder's logits give, every gate 1", async () => {
    using folder = tinyCheckpoint();
    const backend = new ReferenceBackend();
    using pretrained = await PretrainedModel.open({ path: folder.path, backend });
    using model = TrainingModel.share(pretrained.decoder);
    const pack = trainingPack([12]);
    const decide = (_layer: number, logits: { readonly length: number }) => {
      const gates = new Float32Array(logits.length / 2).fill(1);
      return { gates, backward: () => new Float32Array(logits.length) };
    };
    const routers = randomRouters(backend, 2, 8);
    const { languageModelLoss, gates } = await model.step({ pack, routers, retrievalMode: modes.full, sparseMode: modes.streaming, decide, gateLoss: noGateLoss });
    expect(gates).toEqual([new Float32Array(2).fill(1), new Float32Array(2).fill(1)]);
    const { logits } = await forward(pretrained.decoder, pack.tokens, 12);
    const losses = Array.from(pack.targets).flatMap((target, row) => {
      if (target < 0) return [];
      const values = Array.from(logits.subarray(row * 50, (row + 1) * 50));
      const largest = Math.max(...values);
      return [largest + Math.log(values.reduce((sum, value) => sum + Math.exp(value - largest), 0)) - values[target]!];
    });
    expect(languageModelLoss).toBeCloseTo(losses.reduce((a, b) => a + b, 0) / losses.length, 5);
    for (const router of routers) router[Symbol.dispose]();
  });

  test("leaves nothing behind when any allocation fails, and the next step works", async () => {
    await withModel(
      async ({ backend, model, options: given }) => {
        // One layer keeps the outputs of its attention, the other computes them again.
        const options = { ...given, attentionMemoryBytes: keptAttentionBytes(model.spec, "f32", 12) };
        const expected = await model.step(options);
        const before = backend.memory().liveAllocations;
        const allocate = backend.allocate.bind(backend);
        let [count, failAt] = [0, Infinity];
        backend.allocate = (shape, dtype) => {
          count += 1;
          if (count === failAt) throw new OutOfMemoryError("test", 1, 1, undefined);
          return allocate(shape, dtype);
        };
        await model.step(options);
        const total = count;
        expect(total).toBeGreaterThan(100);
        for (failAt = 1; failAt <= total; failAt++) {
          count = 0;
          await expect(model.step(options)).rejects.toThrow(OutOfMemoryError);
          expect(backend.memory().liveAllocations).toBe(before);
        }
        failAt = Infinity;
        expect(await model.step(options)).toEqual(expected);
      },
      { precision: "f32" },
    );
  });

  test("ends at an abort, on the way there and back, and gives its memory back", async () => {
    await withModel(
      async ({ backend, model, options }) => {
        const seen: number[] = [];
        await model.step({ ...options, onProgress: (done, total) => void seen.push(done / total) });
        // The rope tables stay: they belong to the model.
        const before = backend.memory().liveAllocations;
        expect(seen).toEqual([0.2, 0.4, 0.6, 0.8, 1]);
        for (const stop of [1, 3, 4]) {
          const controller = new AbortController();
          const onProgress = (done: number) => done === stop && controller.abort(new Error("enough"));
          await expect(model.step({ ...options, onProgress, signal: controller.signal })).rejects.toThrow("enough");
          expect(backend.memory().liveAllocations).toBe(before);
        }
      },
      { precision: "f32" },
    );
  });

  test("in bf16 gives nearly the gradients of float32", async () => {
    const gradients: number[][] = [];
    for (const dtype of ["f32", "bf16"] as const) {
      using folder = tinyCheckpoint();
      const backend = new ReferenceBackend();
      using pretrained = await PretrainedModel.open({ path: folder.path, backend, dtype });
      using model = TrainingModel.share(pretrained.decoder);
      const routers = randomRouters(backend, 2, 8);
      const { decide } = new RelaxationDouble("straight");
      const { routerGradients } = await model.step({ pack: trainingPack([9, 6]), routers, retrievalMode: modes.full, sparseMode: modes.streaming, decide, gateLoss });
      gradients.push(routerGradients.flatMap((layer) => Array.from(layer)));
      for (const router of routers) router[Symbol.dispose]();
    }
    const [exact, rounded] = gradients as [number[], number[]];
    const squares = (values: number[]) => values.reduce((sum, value) => sum + value ** 2, 0);
    // Some 20 roundings to 8 bits on the way.
    expect(squares(rounded.map((value, i) => value - exact[i]!)) / squares(exact)).toBeLessThan(0.05 ** 2);
  });
});

describe("what is refused before any work", () => {
  const pack = trainingPack([5, 4]);
  const broken: [message: RegExp, change: Partial<TrainingPack>][] = [
    [/Offsets must run from 0 to the 9 rows/, { offsets: [0, 5] }],
    [/8 targets for 9 rows/, { targets: pack.targets.subarray(1) }],
    [/Segment 1 is empty/, { offsets: [0, 5, 5, 9], pooledRanges: [[[0, 1]], [[5, 6]], [[5, 6]]] }],
    [/Token id 50 of row 0/, { tokens: pack.tokens.map((id, row) => (row === 0 ? 50 : id)) }],
    [/Target 60 of row 8/, { targets: pack.targets.map((id, row) => (row === 8 ? 60 : id)) }],
    [/No row of the pack has a target/, { targets: new Int32Array(9).fill(-1) }],
    [/Pooled ranges of 1 segments in a pack of 2/, { pooledRanges: [[[0, 1]]] }],
    [/rows 4 to 6 leave sequence 0/, { pooledRanges: [[[4, 6]], [[6, 7]]] }],
  ];
  test.each(broken)("a pack: %s", async (message, change) => {
    await withModel(async ({ model, options }) => {
      const step = model.step({ ...options, pack: { ...pack, ...change } });
      await expect(step).rejects.toThrow(TrainingPackError);
      await expect(step).rejects.toThrow(message);
    });
  });

  test("routers of another model, and relaxations that give another number of gates", async () => {
    await withModel(async ({ backend, model, options }) => {
      await expect(model.step({ ...options, routers: options.routers.slice(1) })).rejects.toThrow(/1 routers for 2 layers/);
      const wide = randomRouters(backend, 2, 16);
      await expect(model.step({ ...options, routers: wide })).rejects.toThrow(/heads of 16; the model's have 8/);
      for (const router of wide) router[Symbol.dispose]();
      const decide = () => ({ gates: new Float32Array(3), backward: () => new Float32Array(6) });
      await expect(model.step({ ...options, decide })).rejects.toThrow(ShapeError);
      await expect(model.step({ ...options, decide })).rejects.toThrow(/Layer 0: 4 gates expected, found 3/);
    });
  });

  test("a memory limit that the step would pass, though the device has more", async () => {
    await withModel(async ({ model, options }) => {
      const { backend } = model;
      backend.setMemoryLimit(backend.memory().liveBytes + 1000);
      await expect(model.step(options)).rejects.toThrow(/a training step needs \d+ bytes more/);
      backend.setMemoryLimit(undefined);
      expect(Number.isFinite((await model.step(options)).languageModelLoss)).toBe(true);
    });
  });
});

const noGateLoss: TrainingStepOptions["gateLoss"] = (gates) => ({
  loss: 0,
  gradients: gates.map((layer) => new Float64Array(layer.length)),
});

/** One segment of a pack as a pack of its own. */
function segmentOf({ tokens, offsets, targets, pooledRanges }: TrainingPack, segment: number): TrainingPack {
  const [start, end] = [offsets[segment]!, offsets[segment + 1]!];
  return {
    tokens: tokens.slice(start, end),
    targets: targets.slice(start, end),
    offsets: [0, end - start],
    pooledRanges: [pooledRanges[segment]!.map(([first, last]) => [first - start, last - start] as const)],
  };
}
