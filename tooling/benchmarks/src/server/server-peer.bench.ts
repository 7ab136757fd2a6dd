import { cpSync, existsSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { demoModelDirectory } from "@elastic-attention/demo-model";
import { RandomStream } from "@elastic-attention/generation";
import type { Benchmark } from "../benchmark.js";
import { alternate, timed } from "../figures/contenders.js";
import { figure } from "../figures/figure.js";
import { rate } from "../figures/statistics.js";
import { cacheFolder } from "../folders.js";
import { LlamaCppPeer, llamaCppMissing } from "../peers/llama-cpp-peer.js";
import { modelShape } from "../random-models/model-shape.js";
import { randomCheckpoint } from "../random-models/random-checkpoint.js";
import { ask, serveProcess } from "./served-process.js";

const clients = 16;

export const benchmark: Benchmark = {
  description: "Requests per second of 16 clients with prompts of 500 to 4 000 tokens and answers of 100, against llama.cpp's batched contexts",
  async run(options, progress) {
    const shape = modelShape(options.shapes?.[0] ?? (options.tiny ? "tiny" : "small"));
    const [shortest, longest, newTokens] = options.tiny ? [50, 200, 8] : [500, 4000, 100];
    const prompts = Array.from({ length: clients }, (_, client) => {
      const random = new RandomStream(client + 1);
      // Lengths all over the range, the same in every round.
      const length = shortest + Math.floor(((longest - shortest) * client) / (clients - 1));
      return Array.from({ length }, () => 16 + Math.floor(random.next() * (shape.vocabularySize - 16)));
    });
    const missing = options.peers ? llamaCppMissing() : "The peer was left out.";
    await using served = await serveProcess("--model", servedFolder(randomCheckpoint(shape, progress)), "--threads", String(options.threads), "--max-running", String(clients));
    const ours = async () => [
      await timed(async () => {
        // Nothing is known of a prompt from the round before.
        const bodies = prompts.map((prompt) => ({ prompt, max_tokens: newTokens, temperature: 0, logit_bias: { 1: -100 }, elastic: { mode: "full", prefix: "none" } }));
        const answers = await Promise.all(bodies.map((body) => ask(served.url, "completions", body)));
        const bad = answers.find(({ status }) => status !== 200);
        if (bad !== undefined) throw new Error(bad.text);
      }),
    ];
    using peer = missing === undefined ? await LlamaCppPeer.start({ shape, type: "bf16", threads: options.threads, contextSize: longest + newTokens + 16, sequences: clients, progress }) : undefined;
    const contenders = [{ name: "ours", round: ours }, ...(peer === undefined ? [] : [{ name: "peer", round: async () => [await peer.answers(prompts, newTokens)] }])];
    for (const { round } of contenders) await round();
    const samples = await alternate(contenders, options.rounds ?? (options.tiny ? 1 : 3), progress);
    const theirs = samples.get("peer");
    return {
      figures: [
        figure({
          what: `${shape.name}, ${clients} clients, prompts of ${shortest} to ${longest} tokens, answers of ${newTokens}`,
          unit: "requests/s",
          ours: rate("server", samples.get("ours")!, clients),
          peer: theirs === undefined ? undefined : rate(peer!.name, theirs, clients),
          higherIsBetter: true,
          targetIsRatio: true,
          target: options.tiny ? undefined : { bound: "at least", value: 1.5 },
        }),
      ],
      notes: missing === undefined ? ["Ours goes through HTTP; the peer is asked in its own process, its contexts batched."] : [missing],
    };
  },
};

/** A checkpoint with a tokenizer beside it, which the command line wants; prompts are token ids. */
function servedFolder(checkpoint: string): string {
  const folder = join(cacheFolder(), "served", checkpoint.split(/[\\/]/).at(-1)!);
  mkdirSync(folder, { recursive: true });
  for (const name of ["config.json", "model.safetensors"]) if (!existsSync(join(folder, name))) symlinkSync(join(checkpoint, name), join(folder, name));
  for (const name of ["tokenizer.json", "tokenizer_config.json"]) cpSync(join(demoModelDirectory(), name), join(folder, name));
  return folder;
}
