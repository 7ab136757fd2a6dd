import { OutOfMemoryError } from "@elastic-attention/core";
import { type BackendUnderTest, describeDecodeKernels, randomTensor } from "@elastic-attention/conformance";
import { growableTensor } from "@elastic-attention/tensor";
import { expect, test } from "vitest";
import { onceThereIsRoom } from "./once-there-is-room.js";

/** Steps from tables on the device, and memory that grows in place. */
export function describeDecode(subject: BackendUnderTest): void {
  describeDecodeKernels(subject, { bf16: 2 ** -7, f16: 2 ** -10 }, { fp8: 2 ** -7 });

  test("memory grows in place, is refused beyond the limit, and comes back", () => {
    using backend = subject.create();
    {
      using growing = growableTensor(backend, 1 << 20, 1024, "f32");
      expect(growing.keepsAddress).toBe(true);
      growing.grow(1000);
      using first = randomTensor(backend, [1000, 1024], "f32", 1);
      backend.write(growing.tensor, first.download());
      for (const rows of [1001, 4000, 100_000]) onceThereIsRoom(() => growing.grow(rows));
      expect(growing.tensor.rows(0, 1000).download()).toEqual(first.download());
      expect(backend.memory().liveBytes).toBe(100_000 * 4096 + 1000 * 4096);
      backend.setMemoryLimit(backend.memory().liveBytes + 4096);
      expect(() => growing.grow(100_002)).toThrow(OutOfMemoryError);
      expect(growing.tensor.numRows).toBe(100_000);
      backend.setMemoryLimit(undefined);
      growing.clear();
      expect(growing.tensor.numRows).toBe(0);
      growing.grow(10);
      backend.write(growing.tensor, first.rows(0, 10).download());
      expect(growing.tensor.download()).toEqual(first.rows(0, 10).download());
    }
    expect(backend.memory().liveBytes).toBe(0);
  });
}
