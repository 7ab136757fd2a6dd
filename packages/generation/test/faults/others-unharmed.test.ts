import { DeviceError } from "@elastic-attention/core";
import { hybridAttention, type HybridAttentionCall } from "@elastic-attention/attention";
import { ReferenceBackend } from "@elastic-attention/tensor";
import { PretrainedModel } from "@elastic-attention/transformer";
import { describe, expect, test } from "vitest";
import { type GenerationRequest, LocalEngine, readTokenizerFiles, Tokenizer } from "../../src/index.js";
import { Fault, FaultyBackend } from "../doubles/faulty-backend.js";
import { answer, someTokens } from "../doubles/running-engine.js";
import { writeTinyModel } from "../doubles/tiny-model.js";

/** Attention that fails for some calls, and always for these. */
class PickyBackend extends ReferenceBackend {
  fails: (call: HybridAttentionCall) => boolean = () => false;

  constructor() {
    super();
    const { kernels } = this;
    const run = kernels.run.bind(kernels);
    kernels.run = (operation, call) => {
      if ((operation as unknown) === hybridAttention && this.fails(call as HybridAttentionCall)) throw new DeviceError(this.name, operation.name, "injected");
      return run(operation, call);
    };
  }
}

const requests: readonly GenerationRequest[] = [
  { tokens: someTokens(9), maxNewTokens: 8 },
  { tokens: someTokens(40, 2), maxNewTokens: 9 },
  { tokens: someTokens(12, 3), maxNewTokens: 7, sampling: { temperature: 1.1, seed: 3 } },
  { tokens: someTokens(15, 4), maxNewTokens: 8, sampling: { temperature: 1.1, seed: 5, repetitionPenalty: 1.3 } },
];

const isDecode = ({ sequences }: HybridAttentionCall) => sequences.every(({ length }) => length === 1);
const hasLength = ({ sequences }: HybridAttentionCall, tokens: number) => sequences.some(({ cache }) => cache.length === tokens);

async function withEngine(options: { readonly backend: ReferenceBackend; readonly router?: boolean }, work: (engine: LocalEngine) => Promise<void>): Promise<void> {
  const { backend, router = false } = options;
  using folder = writeTinyModel({ router });
  const model = await PretrainedModel.open({ path: folder.path, backend });
  await using engine = LocalEngine.over(model, new Tokenizer(readTokenizerFiles(folder.path)), { name: "tiny" });
  await work(engine);
}

/** Each by itself. */
async function textsAlone(engine: LocalEngine): Promise<(readonly number[])[]> {
  const alone = [];
  for (const request of requests) alone.push((await answer(engine, request)).tokens);
  return alone;
}

describe.each([["whose heads are full", false], ["with learned routers", true]])("of requests to a model %s", (_, router) => {
  test("one whose prompt cannot be read fails, and the others give the text they have alone", async () => {
    const backend = new PickyBackend();
    await withEngine({ backend, router }, async (engine) => {
      const alone = await textsAlone(engine);
      const base = backend.memory();
      backend.fails = (call) => !isDecode(call) && hasLength(call, 40);
      const outcomes = await Promise.allSettled(requests.map((request) => answer(engine, request)));
      expect(outcomes[1]).toMatchObject({ status: "rejected", reason: expect.any(DeviceError) as unknown });
      for (const row of [0, 2, 3]) expect(outcomes[row]).toMatchObject({ status: "fulfilled", value: { tokens: alone[row] } });
      expect(backend.memory()).toMatchObject({ liveAllocations: base.liveAllocations, liveBytes: base.liveBytes });
    });
  });

  test("one whose step always fails is the only one that ends by it, at the first step and at a later one", async () => {
    const backend = new PickyBackend();
    await withEngine({ backend, router }, async (engine) => {
      const alone = await textsAlone(engine);
      const base = backend.memory();
      for (const tokens of [41, 45]) {
        backend.fails = (call) => isDecode(call) && hasLength(call, tokens);
        const outcomes = await Promise.allSettled(requests.map((request) => answer(engine, request)));
        expect(outcomes[1]).toMatchObject({ status: "rejected", reason: expect.any(DeviceError) as unknown });
        for (const row of [0, 2, 3]) expect(outcomes[row]).toMatchObject({ status: "fulfilled", value: { tokens: alone[row] } });
        expect(backend.memory()).toMatchObject({ liveAllocations: base.liveAllocations, liveBytes: base.liveBytes });
      }
    });
  });

  test("all give their text where the device can only serve one at a time", async () => {
    const backend = new PickyBackend();
    await withEngine({ backend, router }, async (engine) => {
      const alone = await textsAlone(engine);
      backend.fails = ({ sequences }) => sequences.length > 1;
      const together = await Promise.all(requests.map((request) => answer(engine, request)));
      expect(together.map(({ tokens }) => tokens)).toEqual(alone);
    });
  });
});

test("all fail with a typed error where every call fails from some call on; the next one works when the device does", async () => {
  const fault = new Fault();
  const backend = new FaultyBackend(fault);
  await withEngine({ backend }, async (engine) => {
    const alone = await textsAlone(engine);
    const base = backend.memory();
    fault.arm(undefined);
    await Promise.all(requests.map((request) => answer(engine, request)));
    const { calls } = fault;
    // Not as far as the last calls, which give back the memory of answers that have ended.
    for (const call of Array.from({ length: 12 }, (_, part) => Math.floor((part * calls) / 12.5))) {
      fault.arm(call, true);
      const outcomes = await Promise.allSettled(requests.map((request) => answer(engine, request)));
      fault.arm(undefined);
      for (const [row, outcome] of outcomes.entries()) {
        if (outcome.status === "rejected") expect(outcome.reason).toBeInstanceOf(DeviceError);
        else expect(outcome.value.tokens).toEqual(alone[row]);
      }
      expect(outcomes.filter(({ status }) => status === "rejected").length).toBeGreaterThan(0);
      expect(backend.memory()).toMatchObject({ liveAllocations: base.liveAllocations, liveBytes: base.liveBytes });
      expect((await answer(engine, requests[2]!)).tokens).toEqual(alone[2]);
    }
  });
});
