import { demoModelDirectory } from "@elastic-attention/demo-model";
import { LocalEngine } from "@elastic-attention/generation";
import { registerQwen } from "@elastic-attention/model-qwen";
import type { Benchmark } from "../benchmark.js";
import { alternate, timed } from "../figures/contenders.js";
import { figure } from "../figures/figure.js";
import { rate } from "../figures/statistics.js";
import { startBackend } from "../workloads/start-backend.js";
import { drain } from "./raw-client.js";
import { serveProcess } from "./served-process.js";

export const benchmark: Benchmark = {
  description: "Tokens per second of 64 streams of the demo model through HTTP and a worker thread, against the engine alone",
  async run(options, progress) {
    const streams = options.batches?.[0] ?? (options.tiny ? 4 : 64);
    const tokens = options.tiny ? 8 : 128;
    registerQwen();
    using backend = await startBackend(options);
    await using engine = await LocalEngine.load({ path: demoModelDirectory(), backend });
    await using served = await serveProcess("--threads", String(options.threads), "--max-running", String(streams));
    const questions = Array.from({ length: streams }, (_, index) => [{ role: "user", content: `Question ${index}: where is the whale?` }]);
    // Nothing may end an answer before its limit, and nothing of it may be known from the round before.
    const settings = { temperature: 1, logit_bias: { 1: -100 }, elastic: { prefix: "none" } };
    const alone = async () => {
      const seconds = await timed(async () => {
        await Promise.all(questions.map(async (messages, seed) => {
          const request = { messages, maxNewTokens: tokens, sampling: { temperature: 1, seed }, logitBias: { 1: -100 }, prefix: "none" as const };
          for await (const _event of engine.generate(request));
        }));
      });
      return [seconds];
    };
    const http = async () => [await timed(async () => void (await Promise.all(questions.map((messages, seed) => drain(served.url, "chat/completions", { messages, seed, max_tokens: tokens, stream: true, ...settings })))))];
    await alone();
    await http();
    const samples = await alternate([{ name: "engine", round: alone }, { name: "server", round: http }], options.rounds ?? (options.tiny ? 1 : 7), progress);
    const all = streams * tokens;
    const ours = rate("server", samples.get("server")!, all);
    const result = figure({
      what: `demo model, ${streams} streams of ${tokens} tokens`,
      unit: "tokens/s",
      ours,
      peer: rate("engine alone", samples.get("engine")!, all),
      higherIsBetter: true,
      targetIsRatio: true,
      target: options.tiny ? undefined : { bound: "at least", value: 0.95 },
    });
    progress(`${result.what}: ${result.ratio!.median.toFixed(3)} of the engine alone`);
    return { figures: [result], notes: ["The clients are this process, on the same cores as the server: they count the bytes that they are sent, and do not parse them."] };
  },
};
