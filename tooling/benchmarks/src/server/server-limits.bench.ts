import { Agent, request } from "node:http";
import type { Benchmark } from "../benchmark.js";
import { figure } from "../figures/figure.js";
import { duration } from "../figures/statistics.js";
import { serveProcess } from "./served-process.js";

export const benchmark: Benchmark = {
  description: "Time to a 429 with 1 000 open connections whose requests run or wait",
  async run(options, progress) {
    const connections = options.tiny ? 20 : 1000;
    const running = options.tiny ? 2 : 64;
    await using served = await serveProcess("--max-running", String(running), "--max-queue", String(connections - running));
    const agent = new Agent({ keepAlive: true, maxSockets: Infinity });
    const controller = new AbortController();
    const body = JSON.stringify({ messages: [{ role: "user", content: "Where is the whale?" }], max_tokens: 4000, temperature: 1, stream: true, logit_bias: { 1: -100 } });
    const post = (signal?: AbortSignal) =>
      new Promise<number>((resolve, reject) => {
        const sent = request(`${served.url}/v1/chat/completions`, { method: "POST", agent, headers: { "content-type": "application/json" }, ...(signal === undefined ? {} : { signal }) }, (response) => {
          response.resume();
          resolve(response.statusCode!);
        });
        sent.once("error", reject);
        sent.end(body);
      });
    const statuses = await Promise.all(Array.from({ length: connections }, () => post(controller.signal)));
    if (statuses.some((status) => status !== 200)) throw new Error(`A request that has room was refused: ${statuses.find((status) => status !== 200)}.`);
    progress(`${connections} requests run or wait`);
    const seconds: number[] = [];
    for (let round = 0; round < (options.rounds ?? (options.tiny ? 3 : 50)); round++) {
      const begun = performance.now();
      const status = await post();
      seconds.push((performance.now() - begun) / 1000);
      if (status !== 429) throw new Error(`One request too many was answered with ${status}.`);
    }
    controller.abort();
    agent.destroy();
    const worst = Math.max(...seconds);
    return {
      figures: [
        figure({
          what: `429 beyond ${connections} requests, the slowest of ${seconds.length}`,
          unit: "ms",
          ours: duration("slowest", [worst], 0.001),
          higherIsBetter: false,
          target: options.tiny ? undefined : { bound: "at most", value: 50 },
          note: `median ${duration("all", seconds, 0.001).median.toFixed(1)} ms`,
        }),
      ],
      notes: [],
    };
  },
};
