import type { Backend } from "@elastic-attention/tensor";

/** Seconds of one call, `rounds` times: `count` are queued, and the wait for all is divided. */
export async function queuedSeconds(backend: Backend, run: () => void, count: number, rounds: number): Promise<number[]> {
  const samples: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const begin = performance.now();
    for (let i = 0; i < count; i++) run();
    await backend.synchronize();
    samples.push((performance.now() - begin) / 1000 / count);
  }
  return samples;
}
