import { RandomStream } from "@elastic-attention/generation";
import type { Benchmark } from "../benchmark.js";
import { figure } from "../figures/figure.js";
import { ask, serveProcess } from "./served-process.js";

const clients = 8;

export const benchmark: Benchmark = {
  description: "Memory and errors of a server whose 8 clients ask for random lengths and leave now and then; --minutes says how long",
  async run(options, progress) {
    const minutes = options.minutes ?? (options.tiny ? 0.1 : 30);
    // Else what is kept of prompts grows for as long as there is memory: each share of sparse heads has its own.
    await using served = await serveProcess("--threads", String(options.threads), "--prefix-cache", "64MiB");
    const begun = performance.now();
    const elapsed = () => (performance.now() - begun) / 60_000;
    const counts = { answered: 0, left: 0, failed: 0 };
    const client = async (seed: number) => {
      const random = new RandomStream(seed);
      while (elapsed() < minutes) {
        const content = "The ship is at sea. ".repeat(1 + Math.floor(400 * random.next() ** 3));
        const controller = new AbortController();
        const leaves = random.next() < 0.1;
        const timer = leaves ? setTimeout(() => controller.abort(), 500 * random.next()) : undefined;
        try {
          const body = { messages: [{ role: "user", content }], max_tokens: 1 + Math.floor(100 * random.next()), temperature: 1, stream: random.next() < 0.5, elastic: { sparsity: random.next() } };
          const { status } = await ask(served.url, "chat/completions", body, controller.signal);
          if (status === 200) counts.answered += 1;
          else counts.failed += 1;
        } catch {
          if (controller.signal.aborted) counts.left += 1;
          else counts.failed += 1;
        } finally {
          clearTimeout(timer);
        }
      }
    };
    // Everything that grows once has grown after a sixth of the time.
    let first = 0;
    const watch = setInterval(() => {
      if (first === 0 && elapsed() > minutes / 6) first = served.residentBytes();
      progress(`${elapsed().toFixed(1)} minutes: ${counts.answered} answered, ${counts.left} left, ${counts.failed} failed, ${(served.residentBytes() / 2 ** 20).toFixed(0)} MiB`);
    }, Math.max(1000, minutes * 2000));
    await Promise.all(Array.from({ length: clients }, (_, seed) => client(seed + 1)));
    clearInterval(watch);
    await new Promise((resolve) => setTimeout(resolve, 500));
    const metrics = await (await fetch(`${served.url}/metrics`)).text();
    const busy = ["running", "waiting"].map((name) => Number(new RegExp(`^vllm:num_requests_${name}\\{.*\\} (\\S+)`, "m").exec(metrics)?.[1] ?? Number.NaN));
    if (counts.failed > 0 || busy.some((count) => count !== 0)) throw new Error(`${counts.failed} requests failed; ${busy.join(" and ")} run and wait at the end.`);
    const growth = first === 0 ? 1 : served.residentBytes() / first;
    return {
      figures: [
        figure({
          what: `${minutes} minutes, ${clients} clients: ${counts.answered} answers, ${counts.left} left; resident memory over that after a sixth of the time`,
          unit: "times",
          ours: { name: "growth", best: growth, median: growth, samples: 1 },
          higherIsBetter: false,
          target: options.tiny ? undefined : { bound: "at most", value: 1.03 },
        }),
      ],
      notes: [],
    };
  },
};
