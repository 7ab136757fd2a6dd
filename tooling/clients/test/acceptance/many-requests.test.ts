import { expect, test } from "vitest";
import { post, serveDemo } from "../served-demo.js";
import { logWith, scaled, testTimeout } from "./acceptance.js";

test(
  "7. many requests of mixed lengths, a tenth of them aborted, leave no page, no rejection that nobody handles, and no memory",
  async () => {
    const rejections: unknown[] = [];
    const unhandled = (reason: unknown) => rejections.push(reason);
    process.on("unhandledRejection", unhandled);
    try {
      await using demo = await serveDemo({ engine: { prefixCache: { maxBytes: 64 * 2 ** 20 } } });
      const total = scaled(1000, 40);
      const text = logWith("Nothing.", scaled(3000, 600));
      let aborted = 0;
      const one = async (index: number): Promise<void> => {
        const content = text.slice(0, 40 + ((index * 7919) % text.length));
        const controller = new AbortController();
        const body = { messages: [{ role: "user", content }], max_tokens: 1 + (index % 16), temperature: 1, seed: index, stream: index % 2 === 0, ...(index % 7 === 0 ? { n: 2 } : {}) };
        if (index % 10 === 3) {
          aborted += 1;
          setTimeout(() => controller.abort(), (index * 13) % 150);
        }
        try {
          const response = await post(demo, "chat/completions", body, controller.signal);
          const text = await response.text();
          expect([response.status, text]).toEqual([200, expect.any(String)]);
        } catch (error) {
          if (!controller.signal.aborted) throw error;
        }
      };
      const resident: number[] = [];
      for (let done = 0; done < total; done += 20) {
        await Promise.all(Array.from({ length: Math.min(20, total - done) }, (_, index) => one(done + index)));
        resident.push(process.memoryUsage.rss());
      }
      await expect.poll(() => demo.server.running).toBe(0);
      await demo.engine.clearPrefixCache();
      expect(demo.engine.pretrained.decoder.pagePool!.report().pagesInUse).toBe(0);
      expect(rejections).toEqual([]);
      const [half, last] = [resident[Math.floor(resident.length / 2)]!, resident.at(-1)!];
      console.log(`${total} requests, ${aborted} aborted; resident ${(half / 2 ** 20).toFixed(0)} MiB at half, ${(last / 2 ** 20).toFixed(0)} MiB at the end`);
      if (total >= 1000) expect(last / half).toBeLessThan(1.03);
    } finally {
      process.off("unhandledRejection", unhandled);
    }
  },
  testTimeout,
);
