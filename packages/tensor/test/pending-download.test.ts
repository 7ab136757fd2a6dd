import { DisposedError } from "@elastic-attention/core";
import { ReferenceBackend } from "@elastic-attention/tensor";
import { expect, test } from "vitest";

test("a download that was started keeps what the tensor held, and counts until it is disposed", () => {
  using backend = new ReferenceBackend();
  const tensor = backend.upload(Float32Array.of(1, 2, 3, 4), [2, 2], "f32");
  const column = tensor.columns(1, 2).startDownload();
  const whole = tensor.startDownload();
  backend.write(tensor, Float32Array.of(9, 9, 9, 9));
  tensor.dispose();
  expect(backend.memory()).toMatchObject({ liveAllocations: 2, liveBytes: 0 });
  expect(new Float32Array(whole.read().buffer)).toEqual(Float32Array.of(1, 2, 3, 4));
  expect(new Float32Array(column.read().buffer)).toEqual(Float32Array.of(2, 4));
  for (const download of [whole, column, column]) download.dispose();
  expect(() => column.read()).toThrow(DisposedError);
  expect(() => tensor.startDownload()).toThrow(DisposedError);
  expect(backend.memory().liveAllocations).toBe(0);
});
