import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { filesBelow } from "../temporary-cache.js";
import { answerOf, startResolving } from "./child-process.js";
import { hubWith, modelName, singleFile, weights } from "./model-repository.js";

const wholeWeights = (requests: readonly { readonly path: string; readonly range: string | undefined }[]) =>
  requests.filter(({ path, range }) => path.startsWith("/large/") && range !== "bytes=0-0");

test("two processes that fetch the same model transfer it once: the second waits for the first", async () => {
  const { hub, settings, cache } = await hubWith({ ...singleFile, "model.safetensors": weights(1, 400_000) });
  const answers = await Promise.all([0, 1, 2].map(() => answerOf(startResolving(modelName, settings))));
  expect(answers.map(({ error, message }) => error ?? message)).toEqual([undefined, undefined, undefined]);
  expect(wholeWeights(hub.requests)).toHaveLength(1);
  expect(readFileSync(join(answers[0]!.path, "model.safetensors")).equals(weights(1, 400_000))).toBe(true);
  expect(filesBelow(cache).filter((path) => /incomplete|\.new$/.test(path))).toEqual([]);
});

test("a process takes over from one that is killed while it waits for it", async () => {
  const { hub, settings, cache } = await hubWith({ ...singleFile, "model.safetensors": weights(1, 2_000_000) });
  hub.faults.stallAfter = 150_000;
  const first = startResolving(modelName, settings, { progress: true });
  for await (const text of first.stdout) if (/^15\d{4}$/m.test(String(text))) break;
  delete hub.faults.stallAfter;
  const second = answerOf(startResolving(modelName, settings, { progress: true }));
  await new Promise((resolve) => setTimeout(resolve, 1500));
  expect(wholeWeights(hub.requests)).toHaveLength(1);
  first.kill("SIGKILL");
  expect((await second).error).toBeUndefined();
  expect(hub.requests.map(({ range }) => range)).toContain("bytes=150000-1999999");
  expect(filesBelow(cache).filter((path) => path.includes("incomplete"))).toEqual([]);
});
