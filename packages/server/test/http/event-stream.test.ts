import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { EventStream } from "../../src/http/event-stream.js";
import { StreamPace } from "../../src/http/stream-pace.js";

const options = { heartbeatMilliseconds: 60_000, unreadLimitBytes: 1000 };

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "setImmediate", "setInterval", "clearInterval", "performance"] }));
afterEach(() => void vi.useRealTimers());

/** Streams of one server, and the writes of the first of them, without its greeting. */
function streams(count: number, gatherMilliseconds: number) {
  const pace = new StreamPace(gatherMilliseconds);
  const all = Array.from({ length: count }, () => new EventStream(options, pace));
  const writes: string[] = [];
  for (const { body } of all.slice(1)) body.resume();
  all[0]!.body.on("data", (chunk: Buffer) => writes.push(chunk.toString()));
  return { all, writes };
}

async function sendApart(stream: EventStream, values: readonly string[]): Promise<void> {
  for (const value of values) {
    stream.send(value);
    await vi.advanceTimersByTimeAsync(10);
  }
}

test("few streams write each event at once", async () => {
  const { all, writes } = streams(15, 50);
  await sendApart(all[0]!, ["a", "b", "c"]);
  expect(writes).toEqual([": ok\n\n", "data: a\n\n", "data: b\n\n", "data: c\n\n"]);
});

test("many streams write the first event at once and those that follow together, each an event of its own, and lose none", async () => {
  const { all, writes } = streams(16, 50);
  await vi.advanceTimersByTimeAsync(100);
  await sendApart(all[0]!, ["a", "b", "c", "d"]);
  all[0]!.end();
  await vi.advanceTimersByTimeAsync(100);
  expect(writes).toEqual([": ok\n\n", "data: a\n\n", "data: b\n\ndata: c\n\ndata: d\n\n"]);
  expect(all[0]!.body.readableEnded).toBe(true);
});

test("many streams write each event at once where nothing is gathered", async () => {
  const { all, writes } = streams(20, 0);
  await sendApart(all[0]!, ["a", "b"]);
  expect(writes.slice(1)).toEqual(["data: a\n\n", "data: b\n\n"]);
});

test("a stream whose reader is too far behind is destroyed, with what was gathered", async () => {
  const stream = new EventStream(options, new StreamPace(50));
  const failed = vi.fn<(error: Error) => void>();
  stream.body.on("error", failed);
  stream.send("x".repeat(2000));
  await vi.advanceTimersByTimeAsync(1);
  expect(stream.body.destroyed).toBe(true);
  expect(failed).toHaveBeenCalledOnce();
});
