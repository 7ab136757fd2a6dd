import { describe, expect, test } from "vitest";
import { DraftLength } from "../../src/speculation/draft-length.js";
import { NgramLookup } from "../../src/speculation/ngram-lookup.js";
import { RequestDrafts } from "../../src/speculation/request-drafts.js";

const after = (tokens: readonly number[], count: number) => new NgramLookup(Int32Array.from(tokens)).next(count);

describe("looking up the last tokens", () => {
  test("gives what followed them before", () => {
    expect(after([1, 2, 3, 4, 5, 9, 1, 2, 3], 3)).toEqual([4, 5, 9]);
    expect(after([7, 2, 3, 4, 5, 9, 8, 2, 3], 2)).toEqual([4, 5]);
  });

  test("gives nothing where they are new, one equal token included", () => {
    expect(after([], 4)).toEqual([]);
    expect(after([1], 4)).toEqual([]);
    expect(after([1, 1], 4)).toEqual([]);
    expect(after([1, 2, 3, 4, 5, 3], 4)).toEqual([]);
  });

  test("takes the longest equal context, and of equals the latest", () => {
    expect(after([1, 2, 3, 50, 9, 2, 3, 60, 8, 1, 2, 3], 1)).toEqual([50]);
    expect(after([1, 2, 3, 50, 9, 1, 2, 3, 60, 8, 1, 2, 3], 1)).toEqual([60]);
    expect(after([4, 1, 2, 3, 50, 9, 1, 2, 3, 60, 4, 1, 2, 3], 1)).toEqual([50]);
  });

  test("goes on with a repetition that reaches the end", () => {
    expect(after([5, 6, 7, 5, 6, 7, 5, 6], 7)).toEqual([7, 5, 6, 7, 5, 6, 7]);
    expect(after([4, 4, 4], 3)).toEqual([4, 4, 4]);
  });

  test("sees tokens that come one by one as it sees them all at once", () => {
    const all = Array.from({ length: 900 }, (_, index) => (index * index + (index >> 4)) % 13);
    const lookup = new NgramLookup(Int32Array.from(all.slice(0, 10)));
    for (let length = 10; length < all.length; length++) {
      expect(lookup.next(5)).toEqual(after(all.slice(0, length), 5));
      lookup.push(all[length]!);
    }
  });

  test("finds the place that looking at every place finds", () => {
    for (let seed = 1; seed <= 60; seed++) {
      const tokens = Array.from({ length: 40 + seed }, (_, index) => Math.floor(Math.abs(Math.sin(seed * 99 + index * 7.3)) * 4));
      const contextAt = (at: number) => {
        let context = 0;
        while (context < 32 && context <= at && tokens[at - context] === tokens[tokens.length - 1 - context]) context += 1;
        return context;
      };
      let [best, longest] = [-1, 1];
      for (let at = tokens.length - 2; at >= 0; at--) if (contextAt(at) > longest) [best, longest] = [at + 1, contextAt(at)];
      expect(after(tokens, 1)).toEqual(best < 0 ? [] : [tokens[best]]);
    }
  });
});

describe("the length of drafts", () => {
  test("follows how many of their tokens were right, in powers of two with the token before them", () => {
    const length = new DraftLength(15);
    const lengths = [3, 7, 15].map((accepted) => {
      length.drafted(accepted, accepted);
      return length.next;
    });
    expect(lengths).toEqual([7, 15, 15]);
    length.drafted(15, 8);
    expect(length.next).toBe(15);
    length.drafted(15, 7);
    expect(length.next).toBe(7);
    length.drafted(7, 1);
    length.drafted(3, 1);
    length.drafted(1, 1);
    expect(length.next).toBe(3);
    length.drafted(3, 2);
    length.drafted(3, 3);
    expect(length.next).toBe(7);
    // One of 7 may be luck.
    length.drafted(7, 6);
    length.drafted(7, 7);
    expect(length.next).toBe(7);
    length.drafted(7, 7);
    expect(length.next).toBe(15);
    expect(new DraftLength(2).next).toBe(2);
  });

  test("is none for longer and longer after drafts that were wrong", () => {
    const length = new DraftLength(15);
    const pauses = Array.from({ length: 7 }, () => {
      let pause = 0;
      for (; length.next === 0; pause++) length.stepped();
      length.drafted(length.next, 0);
      return pause;
    });
    expect(pauses).toEqual([0, 0, 1, 3, 7, 15, 15]);
    while (length.next === 0) length.stepped();
    length.drafted(1, 1);
    expect(length.next).toBeGreaterThan(0);
  });
});

describe("the drafts of an answer", () => {
  const caughtUp = { isCaughtUp: true, knownTokens: () => [] };

  test("end before a token that would end the text, and have the room that there is", () => {
    const drafts = new RequestDrafts(Int32Array.of(1, 2, 3, 4, 9, 5, 1, 2, 3), 15, caughtUp, new Set([9]));
    expect(drafts.next(15)).toEqual([4]);
    expect(drafts.next(0)).toEqual([]);
    expect(drafts.next(-1)).toEqual([]);
    expect(new RequestDrafts(Int32Array.of(1, 2, 3, 4, 9, 5, 1, 2, 3), 15, caughtUp, new Set()).next(2)).toEqual([4, 9]);
  });

  test("are what was given before where the answer is computed again", () => {
    const again = { isCaughtUp: false, knownTokens: (count: number) => [50, 51, 52, 53].slice(0, count) };
    expect(new RequestDrafts(Int32Array.of(1, 2), 15, again, new Set([51])).next(15)).toEqual([50, 51, 52]);
  });

  test("stop when they are told to, and count what was right", () => {
    const drafts = new RequestDrafts(Int32Array.of(1, 2, 3, 4, 5, 1, 2, 3), 15, caughtUp, new Set());
    drafts.stepped(3, 2);
    drafts.stepped(0, 0);
    expect(drafts).toMatchObject({ tokens: 3, accepted: 2 });
    drafts.stop();
    expect(drafts.next(15)).toEqual([]);
  });
});
