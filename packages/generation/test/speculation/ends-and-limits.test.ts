import { describe, expect, test } from "vitest";
import { InvalidRequestError, LocalEngine } from "../../src/index.js";
import { answer, someTokens, withRunningEngine } from "../doubles/running-engine.js";
import { expectSameText, failOnce, fewWords, seenTogether, withSpeculation } from "./speculating-engine.js";

const heads = { version: 1, description: "", scores: [[3, 1], [2, 0], [5, 4]], sparsity: 0.5 };
const repeating = { tokens: someTokens(24), logitBias: fewWords, maxNewTokens: 40 };

describe("an answer that ends among accepted tokens", () => {
  test("ends before its stop text, wherever in a draft that is", async () => {
    let text = "";
    await withRunningEngine({}, {}, async (engine) => void (text = (await answer(engine, repeating)).finish.text));
    // Ends of the text up to some place, as long as it takes for them not to be met before.
    const places = Array.from({ length: 12 }, (_, index) => Math.floor((text.length * (index + 6)) / 18));
    const stops = places.map((end) => {
      let length = 1;
      while (text.indexOf(text.slice(end - length, end)) < end - length) length += 1;
      return text.slice(end - length, end);
    });
    const { accepted } = await expectSameText({}, true, stops.map((stop) => ({ ...repeating, stop: [stop] })));
    expect(accepted).toBeGreaterThan(10);
  });

  test("has no more tokens than it may have, whatever is drafted", async () => {
    await expectSameText({}, true, Array.from({ length: 12 }, (_, index) => ({ ...repeating, maxNewTokens: 20 + index })));
  });

  test("ends at the end of the context", async () => {
    const { accepted } = await expectSameText({ contextLength: 64 }, true, [{ ...repeating, maxNewTokens: 40 }]);
    expect(accepted).toBeGreaterThan(5);
  });

  test("leaves its session as it would without drafts: the next turns are the same", async () => {
    const turns = async (engine: LocalEngine) => {
      const told: unknown[] = [];
      let tokens: number[] = Array.from(repeating.tokens);
      for (const maxNewTokens of [13, 8, 21]) {
        const turn = await answer(engine, { ...repeating, tokens, maxNewTokens, session: "talk", sparsity: 1 });
        told.push([turn.tokens, turn.finish.report.reusedTokens]);
        tokens = [...tokens, ...turn.tokens, ...someTokens(5, maxNewTokens)];
      }
      return told;
    };
    for (const isPaged of [false, true]) {
      let plain: unknown;
      await withRunningEngine({ heads }, {}, async (engine) => void (plain = await turns(engine)), isPaged);
      await withSpeculation({ heads }, {}, isPaged, async (engine) => expect(await turns(engine)).toEqual(plain));
    }
  });

  test("leaves the prefix cache what it would leave: blocks of the answer that end inside a draft too", async () => {
    const first = { ...repeating, tokens: someTokens(250), maxNewTokens: 200, mode: "full" } as const;
    await withSpeculation({ contextLength: 700 }, {}, true, async (engine) => {
      const { tokens, finish } = await answer(engine, first);
      expect(finish.report.drafts!.accepted).toBeGreaterThan(50);
      const next = { ...first, tokens: [...first.tokens, ...tokens, ...someTokens(30, 3)], maxNewTokens: 6 };
      const again = await answer(engine, next);
      expect(again.finish.report.reusedTokens).toBe(384);
      await engine.clearPrefixCache();
      expect((await answer(engine, next)).tokens).toEqual(again.tokens);
    });
  });
});

describe("a draft that memory is lacking for", () => {
  test("is left out at any memory limit: the answer is what it is, and nobody is computed again", async () => {
    const request = { ...repeating, tokens: someTokens(118), maxNewTokens: 30, sparsity: 1 };
    for (const isPaged of [false, true]) {
      await withSpeculation({ heads, contextLength: 400 }, {}, isPaged, async (engine, backend) => {
        await answer(engine, request);
        const base = backend.memory().liveBytes;
        const [expected] = await seenTogether(engine, [request]);
        let done = 0;
        for (const spare of [120_000, 160_000, 200_000, 240_000, 280_000, 320_000, 400_000, 500_000]) {
          backend.setMemoryLimit(base + spare);
          const [told] = await seenTogether(engine, [request]).catch(() => [undefined]);
          backend.setMemoryLimit(undefined);
          if (told === undefined) continue;
          expect(told).toEqual(expected);
          done += 1;
        }
        expect(done).toBeGreaterThan(0);
        expect((await engine.report()).preemptions).toBe(0);
      });
    }
  });

  test("is left out where any one of a step's allocations fails: the answer stays what it is", async () => {
    for (const sampling of [{}, { frequencyPenalty: 0.1 }]) {
      await withSpeculation({}, {}, true, async (engine, backend) => {
        const request = { ...repeating, sampling, maxNewTokens: 24 };
        const [expected] = await seenTogether(engine, [request]);
        let failed = 0;
        for (let after = 0; after < 40; after++) {
          const told: unknown[] = [];
          let ends: (() => boolean) | undefined;
          for await (const event of engine.generate(request)) {
            if (event.type !== "token") continue;
            told.push(event);
            if (told.length === 6) ends = failOnce(backend, after);
          }
          if (ends!()) failed += 1;
          expect(told).toEqual(expected!.slice(0, -1));
        }
        expect(failed).toBeGreaterThan(10);
      });
    }
  });
});

describe("settings of speculation", () => {
  test.each([
    [{ speculate: "draft" }, /speculate must be one of off, ngram, found "draft"/],
    [{ speculate: "ngram", speculateTokens: 0 }, /speculateTokens must be a whole number from 1 to 15, found 0/],
    [{ speculate: "ngram", speculateTokens: 16 }, /speculateTokens must be a whole number from 1 to 15, found 16/],
    [{ speculateTokens: 4 }, /speculateTokens does nothing without speculate/],
  ])("%o are refused before anything is read", async (settings, problem) => {
    const loading = LocalEngine.load({ path: "/nowhere", backend: "reference", ...(settings as object) });
    await expect(loading).rejects.toThrow(InvalidRequestError);
    await expect(loading).rejects.toThrow(problem);
  });
});
