import { MemoryScope } from "@elastic-attention/core";
import type { SequenceCache } from "@elastic-attention/attention";
import { LearnedRouter, type Router, SparsityDial } from "@elastic-attention/router";
import { type Operation, type PendingDownload, ReferenceBackend, type Tensor } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import { DecoderModel, elasticModeSettings, ModelConfig } from "../src/index.js";
import { tinyAdapter, tinyConfig } from "./tiny-checkpoint.js";
import { randomRouters } from "./training/training-doubles.js";

const modes = elasticModeSettings({ sinkTokens: 4, localTokens: 8, blockSize: 4, stride: 2, threshold: 0.9 });
const prompt = (length: number) => Int32Array.from({ length }, (_, i) => (i * 7 + i * i) % 50);

/** Writes down what is issued, and when a download is asked for and read. */
class ObservedBackend extends ReferenceBackend {
  readonly events: string[] = [];
  failing = false;

  constructor() {
    super();
    const run = this.kernels.run.bind(this.kernels);
    const observed = <Call, Result>(operation: Operation<Call, Result>, call: Call): Result => {
      this.events.push(operation.name);
      return run(operation, call);
    };
    Object.defineProperty(this.kernels, "run", { value: observed });
  }

  override startDownload(tensor: Tensor): PendingDownload {
    this.events.push("asked");
    const download = super.startDownload(tensor);
    const read = download.read.bind(download);
    download.read = () => {
      this.events.push("read");
      if (this.failing) throw new Error("the device is gone");
      return read();
    };
    return download;
  }
}

interface Setting {
  readonly backend: ObservedBackend;
  readonly model: DecoderModel;
  readonly learned: Router;
  readonly dial: Router;
}

function withModel(work: (setting: Setting, scope: MemoryScope) => void): void {
  const backend = new ObservedBackend();
  {
    using scope = new MemoryScope();
    const spec = tinyAdapter.spec(new ModelConfig(tinyConfig));
    const model = scope.track(DecoderModel.random({ backend, spec, dtype: "f32" }));
    const layers = randomRouters(backend, spec.numLayers, spec.headDim).map((layer) => scope.track(layer));
    const learned = scope.track(new LearnedRouter({ layers, retrievalMode: modes.full, sparseMode: modes.streaming }));
    work({ backend, model, learned, dial: new SparsityDial({ router: learned, target: 0.5, numLayers: spec.numLayers }) }, scope);
  }
  expect(backend.memory().liveAllocations).toBe(0);
}

function newCache(model: DecoderModel): SequenceCache {
  return model.createCache();
}

describe("a plan that is computed on the device", () => {
  test("is asked for before rotation and cache; the host's decision is read before the attention, the device's after it", () => {
    withModel(({ backend, model, learned, dial }, scope) => {
      const sequences = [learned, learned, dial].map((router) => ({ tokens: prompt(20), cache: scope.track(newCache(model)), router }));
      const prefill = scope.track(model.startPrefill({ sequences }));
      while (prefill.step());
      prefill.result.logits.dispose();
      // Tables of rotation are made in the first layer.
      const layer = /headNorm headNorm routerLogits asked routerLogits asked( rotaryTables)? rotary rotary( \w*[aA]ppend\w*)+ read hybridAttention read/g;
      expect(backend.events.join(" ").match(layer)).toHaveLength(2);
      expect(backend.events.filter((event) => event === "read")).toHaveLength(4);
    });
  });

  test("and decided there is read by nobody before its attention is issued, unless others have to be waited for", () => {
    withModel(({ backend, model, learned }, scope) => {
      const run = (options: Parameters<DecoderModel["startPrefill"]>[0]) => {
        backend.events.length = 0;
        const prefill = scope.track(model.startPrefill(options));
        while (prefill.step());
        const { logits, sequences } = prefill.result;
        const values = logits.toFloat32();
        logits.dispose();
        return { values, assignment: sequences.map(({ routing }) => routing.assignment), events: backend.events.join(" ") };
      };
      const sequences = () => [20, 9].map((length) => ({ tokens: prompt(length), cache: scope.track(newCache(model)), router: learned }));
      const { values, assignment, events } = run({ sequences: sequences() });
      expect(events.match(/\w*[aA]ppend\w* hybridAttention read/g)).toHaveLength(2);
      // A watched prefill is told of a plan ahead of its attention.
      const watched = run({ sequences: sequences(), observer: { afterRoute: () => void backend.events.push("told") } });
      expect(watched.events.match(/\w*[aA]ppend\w* read told hybridAttention/g)).toHaveLength(2);
      expect(watched.values).toEqual(values);
      expect(watched.assignment).toEqual(assignment);
      expect(new Set(assignment.flat(2)).size).toBe(2);
    });
  });

  test("is not read for a sequence that goes on under the plan it has", () => {
    withModel(({ backend, model, learned }, scope) => {
      const cache = scope.track(newCache(model));
      for (const asked of [2, 2]) {
        const prefill = scope.track(model.startPrefill({ sequences: [{ tokens: prompt(9), cache, router: learned }] }));
        while (prefill.step());
        prefill.result.logits.dispose();
        expect(backend.events.filter((event) => event === "asked")).toHaveLength(asked);
      }
    });
  });

  test("that is never read, as the prefill is disposed after some slice, leaves nothing", () => {
    withModel(({ backend, model, learned, dial }) => {
      let undecided = 0;
      // The first one makes the table of the rotary embedding.
      let live: number | undefined;
      for (const router of [learned, dial]) {
        for (let steps = 1, more = true; more; steps++) {
          using cache = newCache(model);
          const prefill = model.startPrefill({ sequences: [{ tokens: prompt(30), cache, router }] });
          backend.events.length = 0;
          for (let step = 0; step < steps && more; step++) more = prefill.step();
          undecided += backend.events.lastIndexOf("asked") > backend.events.lastIndexOf("read") ? 1 : 0;
          if (!more) prefill.result.logits.dispose();
          prefill[Symbol.dispose]();
          cache.dispose();
          if (backend.events.includes("rotary")) expect(backend.memory().liveAllocations).toBe((live ??= backend.memory().liveAllocations));
        }
      }
      // In both layers: before the attention with either router, and after it where the device's decision needs no reading.
      expect(undecided).toBe(6);
    });
  });

  test("that cannot be read ends the prefill, and nothing stays", () => {
    withModel(({ backend, model, learned }, scope) => {
      const caches = [scope.track(newCache(model)), scope.track(newCache(model))];
      const start = () => model.startPrefill({ sequences: caches.map((cache) => ({ tokens: prompt(30), cache, router: learned })) });
      const finished = start();
      while (finished.step());
      finished.result.logits.dispose();
      for (const cache of caches) cache.dispose();
      const { liveAllocations } = backend.memory();
      backend.failing = true;
      const prefill = start();
      expect(() => {
        while (prefill.step());
      }).toThrow("the device is gone");
      expect(backend.memory().liveAllocations).toBe(liveAllocations);
      expect(caches.map((cache) => cache.byteLength)).toEqual([0, 0]);
    });
  });
});
