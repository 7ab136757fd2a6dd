import { describe, expect, test } from "vitest";
import { decideStep, type RequestView, type ScheduleView, sessionsToEvict, whoGivesWay } from "../../src/schedule/decide-step.js";

let arrivals = 0;
const request = (more: Partial<RequestView> = {}): RequestView => ({
  arrival: arrivals++,
  keepsUp: true,
  promptTokens: 100,
  faults: { readsAlone: false, decodesAlone: false },
  waitsForMemory: false,
  session: undefined,
  memory: { expectedBytes: 1000, leastBytes: 600 },
  ...more,
});

const view = (more: Partial<ScheduleView<RequestView>>): ScheduleView<RequestView> => ({
  queued: [],
  prefilling: [],
  decoding: [],
  freeBytes: 10_000,
  idleSessions: [],
  maximumBatch: 8,
  batchTokens: 500,
  prefillBudgetMilliseconds: 50,
  ...more,
});

describe("a step", () => {
  test("reads short prompts that wait together in one prefill, up to its tokens", () => {
    const queued = Array.from({ length: 8 }, () => request());
    expect(decideStep(view({ queued })).admit).toEqual(queued.slice(0, 5));
    expect(decideStep(view({ queued: [request({ promptTokens: 9000 }), ...queued] })).admit).toHaveLength(1);
  });

  test("reads no more together than memory and the batch have room for", () => {
    const queued = Array.from({ length: 8 }, () => request());
    expect(decideStep(view({ queued, freeBytes: 2500 })).admit).toEqual(queued.slice(0, 2));
    expect(decideStep(view({ queued, decoding: [request(), request()], maximumBatch: 5 })).admit).toEqual(queued.slice(0, 3));
    expect(decideStep(view({ queued, decoding: [request()], maximumBatch: 1 })).admit).toEqual([]);
  });

  test("admits nobody while a prompt is read", () => {
    expect(decideStep(view({ queued: [request()], prefilling: [request()] })).admit).toEqual([]);
  });

  test("keeps one that failed with others by itself, first or behind", () => {
    const [one, alone, other] = [request(), request({ faults: { readsAlone: true, decodesAlone: false } }), request()];
    expect(decideStep(view({ queued: [one, alone, other] })).admit).toEqual([one]);
    expect(decideStep(view({ queued: [alone, one, other] })).admit).toEqual([alone]);
  });

  test("lets nobody overtake the first that has no room, and lets that one try when it is alone", () => {
    const queued = [request({ memory: { expectedBytes: 20_000, leastBytes: 20_000 } }), request()];
    expect(decideStep(view({ queued, decoding: [request()] })).admit).toEqual([]);
    expect(decideStep(view({ queued })).admit).toEqual([queued[0]]);
  });

  test("evicts idle sessions only as far as that makes the request fit, never its own", () => {
    const idleSessions = [{ name: "own", bytes: 300 }, { name: "old", bytes: 400 }, { name: "new", bytes: 400 }];
    const decide = (freeBytes: number, expectedBytes: number, decoding = [request()]) =>
      decideStep(view({ queued: [request({ session: "own", memory: { expectedBytes, leastBytes: expectedBytes } })], decoding, freeBytes, idleSessions }));
    expect(decide(700, 1000)).toMatchObject({ evict: [], admit: [{ session: "own" }] });
    expect(decide(400, 1000)).toMatchObject({ evict: ["old"], admit: [{ session: "own" }] });
    expect(decide(400, 1400)).toMatchObject({ evict: ["old", "new"], admit: [{ session: "own" }] });
    expect(decide(400, 2000)).toMatchObject({ evict: [], admit: [] });
    expect(decide(400, 2000, [])).toMatchObject({ evict: [], admit: [{ session: "own" }] });
  });

  test("gives cached prefixes up before idle sessions, and only as much as the request lacks", () => {
    const idleSessions = [{ name: "old", bytes: 400 }];
    const decide = (freeBytes: number, prefixBytes: number) =>
      decideStep(view({ queued: [request({ memory: { expectedBytes: 1000, leastBytes: 1000 } })], decoding: [request()], freeBytes, prefixBytes, idleSessions }));
    expect(decide(1000, 500)).toMatchObject({ evictPrefixBytes: 0, evict: [], admit: [{}] });
    expect(decide(700, 500)).toMatchObject({ evictPrefixBytes: 300, evict: [], admit: [{}] });
    expect(decide(400, 500)).toMatchObject({ evictPrefixBytes: 500, evict: ["old"], admit: [{}] });
    expect(decide(50, 500)).toMatchObject({ evictPrefixBytes: 0, evict: [], admit: [] });
  });

  test("decodes for readers that keep up, and reads prompts as far as these can wait", () => {
    const [quick, lazy] = [request(), request({ keepsUp: false })];
    expect(decideStep(view({ decoding: [quick, lazy] }))).toMatchObject({ decode: [[quick]], read: "budget" });
    expect(decideStep(view({ decoding: [quick], prefillBudgetMilliseconds: Infinity })).read).toBe("whole");
    expect(decideStep(view({ decoding: [lazy] })).read).toBe("slice");
  });

  test("decodes for one whose step with others failed by itself, after the others", () => {
    const faults = { readsAlone: false, decodesAlone: true };
    const [one, alone, other, second] = [request(), request({ faults }), request(), request({ faults })];
    expect(decideStep(view({ decoding: [one, alone, other, second] })).decode).toEqual([[one, other], [alone], [second]]);
    expect(decideStep(view({ decoding: [alone] })).decode).toEqual([[alone]]);
    expect(decideStep(view({ decoding: [] })).decode).toEqual([]);
  });

  test("takes the memory of one that nobody reads when the first of the queue waits for it", () => {
    const [older, younger] = [request({ keepsUp: false }), request({ keepsUp: false })];
    const queued = [request({ waitsForMemory: true })];
    expect(decideStep(view({ queued, decoding: [older, younger] })).preempt).toBe(younger);
    expect(decideStep(view({ queued, decoding: [older, request()] })).preempt).toBeUndefined();
    expect(decideStep(view({ queued: [request({ keepsUp: false })], decoding: [older] }))).toMatchObject({ admit: [], preempt: undefined });
  });
});

describe("memory that is lacking", () => {
  test("comes from one that nobody reads, else from whoever came last", () => {
    const [first, second, third] = [request(), request(), request()];
    const lazy = request({ arrival: -1, keepsUp: false });
    expect(whoGivesWay(first, [first, second, third])).toBe(third);
    expect(whoGivesWay(third, [first, second, third])).toBe(third);
    expect(whoGivesWay(first, [lazy, first, second])).toBe(lazy);
    expect(whoGivesWay(first, [first])).toBeUndefined();
  });

  test("comes from idle sessions where they have enough, the oldest first", () => {
    const sessions = [{ name: "old", bytes: 100 }, { name: "new", bytes: 100 }];
    const missing = (bytes: number) => ({ requestedBytes: bytes, liveBytes: 900, limitBytes: 900 });
    expect(sessionsToEvict(sessions, missing(90))).toEqual(["old"]);
    expect(sessionsToEvict(sessions, missing(190))).toEqual(["old", "new"]);
    expect(sessionsToEvict(sessions, missing(201))).toEqual([]);
    expect(sessionsToEvict([], missing(1))).toEqual([]);
  });
});
