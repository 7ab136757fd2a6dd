import { ReferenceBackend } from "@elastic-attention/tensor";
import { expect, test } from "vitest";
import { PretrainedModel } from "../src/index.js";
import { tinyAdapter, tinyCheckpoint } from "./tiny-checkpoint.js";

test("a file of routers that does not exist is named, with what to give instead, and nothing stays allocated", async () => {
  using folder = tinyCheckpoint();
  using backend = new ReferenceBackend();
  const open = PretrainedModel.open({ path: folder.path, backend, adapter: tinyAdapter, routers: "/nonexistent.safetensors" });
  await expect(open).rejects.toMatchObject({ code: "UNSUPPORTED_ROUTER", message: expect.stringMatching(/^\/nonexistent\.safetensors does not exist\./) as string });
  expect(backend.memory().liveAllocations).toBe(0);
});
