import type { Benchmark } from "../benchmark.js";
import type { Figure } from "../figures/figure.js";
import { queuedSeconds } from "../figures/queued-seconds.js";
import { startBackend } from "../workloads/start-backend.js";
import { choosingBlocks } from "./choosing-blocks.js";

/** The attention of Llama-3.1-8B, a quarter of its heads: what is compared is in proportion. */
const shape = { numQueryHeads: 8, numKeyValueHeads: 2, headDim: 128 } as const;

export const benchmark: Benchmark = {
  description: "What choosing blocks of a prompt costs by block search and by XAttention, beside full attention",
  async run(options, progress) {
    using backend = await startBackend(options);
    const figures: Figure[] = [];
    for (const tokens of options.tokens ?? (options.tiny ? [512] : [8192, 32_768])) {
      const time = async (run: () => void) => {
        run();
        await backend.synchronize();
        return (await queuedSeconds(backend, run, 1, options.tiny ? 1 : 3)).map((seconds) => seconds * 1e6);
      };
      const found = await choosingBlocks(backend, { ...shape, tokens, time });
      figures.push(found);
      progress(`${found.what}: ${found.ratio!.median.toFixed(2)} x ${found.note!}`);
    }
    return { figures, notes: [] };
  },
};
