import { describe, expect, test } from "vitest";
import { InvalidRequestError, registerTokenConstraint, type TokenConstraint, TokenConstraintError } from "../../src/index.js";
import { answer, eventsOf, someTokens, withRunningEngine } from "../doubles/running-engine.js";

const request = { tokens: someTokens(20), maxNewTokens: 12 };
const disposed: string[] = [];

/** Allows the tokens of a list, one after the other, or fails where it is told to. */
registerTokenConstraint("script", async (options, { vocabularySize }): Promise<TokenConstraint> => {
  const { script, failAt, refuseAt, words } = options as { script: number[]; failAt?: number; refuseAt?: number; words?: number };
  if (!Array.isArray(script)) throw new InvalidRequestError("The script must be a list.");
  await Promise.resolve();
  let place = 0;
  return {
    nextMask() {
      if (place === failAt) throw new Error("out of ideas");
      const mask = new Int32Array(words ?? Math.ceil(vocabularySize / 32));
      const token = script[place];
      if (token !== undefined) mask[token >> 5] = 1 << (token & 31);
      return mask;
    },
    accept(token) {
      if (place === refuseAt || token !== script[place]) throw new Error(`expected ${script[place]}`);
      place += 1;
    },
    get done() {
      return place === script.length;
    },
    dispose: () => void disposed.push("script"),
  };
});

registerTokenConstraint("broken", () => {
  throw new Error("cannot start");
});

const script = [4000, 31, 32, 3999, 4000];

describe("a token constraint", () => {
  test("decides every token, ends the answer when it is done, and is given back", async () => {
    await withRunningEngine({}, {}, async (engine) => {
      disposed.length = 0;
      for (const sampling of [{}, { temperature: 2, topP: 0.5, seed: 1 }]) {
        const { tokens, finish } = await answer(engine, { ...request, sampling, constraint: { name: "script", options: { script } } });
        expect(tokens).toEqual(script);
        expect(finish.reason).toBe("stop");
        expect(finish.text).toBe(engine.tokenizer.decode(script));
      }
      expect(disposed).toEqual(["script", "script"]);
    });
  });

  test("is made anew for each of several answers", async () => {
    await withRunningEngine({}, {}, async (engine) => {
      disposed.length = 0;
      const events = await eventsOf(engine, { ...request, count: 3, constraint: { name: "script", options: { script } } });
      for (const index of [0, 1, 2]) expect(events.flatMap((event) => (event.type === "token" && event.answer === index ? [event.id] : []))).toEqual(script);
      expect(disposed).toHaveLength(3);
    });
  });

  test("gives the same text when its answer is computed again for want of memory", async () => {
    await withRunningEngine({}, {}, async (engine, backend) => {
      const long = Array.from({ length: 30 }, (_, index) => 3000 + index);
      const older = answer(engine, { ...request, maxNewTokens: 60 });
      const ids: number[] = [];
      for await (const event of engine.generate({ ...request, maxNewTokens: 40, constraint: { name: "script", options: { script: long } } })) {
        if (event.type !== "token") continue;
        ids.push(event.id);
        // The youngest gives way, and that is this one.
        if (ids.length === 9) backend.failNext = 1;
      }
      expect(ids).toEqual(long);
      expect((await engine.report()).preemptions).toBe(1);
      expect((await older).tokens).toHaveLength(60);
    });
  });

  test("that fails for one of several answers fails the request", async () => {
    await withRunningEngine({}, {}, async (engine, backend) => {
      // Tables that stay have their size then.
      await answer(engine, request);
      const { liveAllocations } = backend.memory();
      let made = 0;
      registerTokenConstraint("second-fails", () => {
        const fails = made++ === 1;
        let accepted = 0;
        const nextMask = () => {
          if (fails && accepted === 2) throw new Error("the second");
          return undefined;
        };
        return { nextMask, accept: () => void (accepted += 1), done: false };
      });
      const other = answer(engine, request);
      await expect(eventsOf(engine, { ...request, count: 3, constraint: { name: "second-fails" } })).rejects.toThrow(/"second-fails".*the second/);
      expect((await other).tokens).toHaveLength(12);
      expect(backend.memory().liveAllocations).toBe(liveAllocations);
    });
  });

  test("that allows nothing, fails or refuses ends its own answer with a typed error, and no other", async () => {
    await withRunningEngine({}, {}, async (engine) => {
      const other = answer(engine, { ...request, maxNewTokens: 20 });
      const wrong = [
        [{ script: [4000, undefined, 5] }, /"script" allows no token here/],
        [{ script, failAt: 2 }, /cannot say which tokens may come next: out of ideas/],
        [{ script, refuseAt: 3 }, /does not take token 3999: expected 3999/],
        [{ script, words: 3 }, /must give masks of \d+ words in an Int32Array, found 3/],
      ] as const;
      for (const [options, message] of wrong) {
        const failed = await eventsOf(engine, { ...request, constraint: { name: "script", options } }).catch((error: unknown) => error);
        expect(failed).toBeInstanceOf(TokenConstraintError);
        expect((failed as Error).message).toMatch(message);
      }
      expect((await other).tokens).toEqual((await answer(engine, { ...request, maxNewTokens: 20 })).tokens);
    });
  });

  test("that cannot be made is refused before anything is computed", async () => {
    await withRunningEngine({}, {}, async (engine) => {
      await expect(eventsOf(engine, { ...request, constraint: { name: "script", options: {} } })).rejects.toThrow(InvalidRequestError);
      await expect(eventsOf(engine, { ...request, constraint: { name: "broken" } })).rejects.toThrow(/"broken" cannot be made: cannot start/);
    });
  });
});
