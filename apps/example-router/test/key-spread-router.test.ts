import type { AttentionMode } from "@elastic-attention/attention";
import { ReferenceBackend } from "@elastic-attention/tensor";
import { describe, expect, it } from "vitest";
import { KeySpreadRouter } from "../src/index.js";

const retrievalMode: AttentionMode = { kind: "full" };
const sparseMode: AttentionMode = { kind: "streaming", sinkTokens: 128, localTokens: 512, blockSize: 128 };

/** Keys [tokens, 3, 2]: head 0 always points the same way, head 1 turns all the way round, head 2 half of it. */
function turningKeys(tokens: number): Float32Array {
  const keys: number[] = [];
  for (let token = 0; token < tokens; token++) {
    for (const turn of [0, 2 * Math.PI, Math.PI]) {
      const angle = (turn * token) / tokens;
      // Lengths differ from token to token: only directions count.
      keys.push((1 + token) * Math.cos(angle), (1 + token) * Math.sin(angle));
    }
  }
  return Float32Array.from(keys);
}

describe("the key spread router", () => {
  it("scores heads by the spread of their keys' directions", () => {
    const backend = new ReferenceBackend();
    using keys = backend.upload(turningKeys(400), [400, 3, 2], "f32");
    using router = new KeySpreadRouter({ retrievalMode, sparseMode, spread: 0.5, samples: 400 });
    const [same, around, half] = router.score({ backend, layer: 0, keys, offsets: [0, 400] });
    expect(same).toBeCloseTo(0 - 0.5, 4);
    expect(around).toBeCloseTo(1 - 0.5, 4);
    // The mean of unit vectors over half a circle has length 2 / pi.
    expect(half).toBeCloseTo(1 - (2 / Math.PI) ** 2 - 0.5, 3);
  });

  it("gives spread heads the retrieval mode, and disposes what it made", () => {
    const backend = new ReferenceBackend();
    const before = backend.memory().liveAllocations;
    {
      using keys = backend.upload(turningKeys(300), [300, 3, 2], "f32");
      using router = new KeySpreadRouter({ retrievalMode, sparseMode });
      using plan = router.route({ backend, layer: 0, keys, offsets: [0, 300] });
      expect(plan.waitForModes(0).map(({ kind }) => kind)).toEqual(["streaming", "full", "full"]);
    }
    expect(backend.memory().liveAllocations).toBe(before);
  });

  it("decides each sequence of a batch as if it were alone", () => {
    const backend = new ReferenceBackend();
    const [first, second] = [turningKeys(50), turningKeys(500)];
    using router = new KeySpreadRouter({ retrievalMode, sparseMode });
    using together = backend.upload(Float32Array.from([...first, ...second]), [550, 3, 2], "f32");
    using alone = backend.upload(second, [500, 3, 2], "f32");
    const batch = router.score({ backend, layer: 0, keys: together, offsets: [0, 50, 550] });
    const single = router.score({ backend, layer: 0, keys: alone, offsets: [0, 500] });
    expect(batch.subarray(3)).toEqual(single);
  });
});
