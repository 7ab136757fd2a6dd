import { PassThrough } from "node:stream";
import type { ReadStream } from "node:tty";
import { describe, expect, test } from "vitest";
import { TerminalInput } from "../../src/commands/chat/terminal-input.js";

function terminal(): { keys: (text: string) => void; input: TerminalInput; shown: () => string } {
  const stream = new PassThrough();
  const input = new TerminalInput(stream as unknown as ReadStream);
  const pieces: string[] = [];
  input.on("data", (piece: Buffer) => pieces.push(piece.toString()));
  return { keys: (text) => void stream.write(text), input, shown: () => pieces.join("") };
}
const soon = () => new Promise((resolve) => setImmediate(resolve));

describe("the keys of a terminal", () => {
  test("reach readline as they are, escape sequences too", async () => {
    const { keys, shown } = terminal();
    keys("ab\u001b[A\r\u001b");
    await expect.poll(shown).toContain("\r\u001b");
    expect(shown()).toBe("ab\u001b[A\r\u001b");
  });

  test("that are pasted in several lines stay one message, whatever pieces they come in", async () => {
    const pasted = "before \u001b[200~first\r\nsecond\rthird\u001b[201~ after\r";
    for (let cut = 0; cut <= pasted.length; cut++) {
      const { keys, input, shown } = terminal();
      keys(pasted.slice(0, cut));
      keys(pasted.slice(cut));
      await soon();
      expect(shown()).toBe("before [pasted text 1, 3 lines] after\r");
      expect(input.restorePastes(shown().trimEnd())).toBe("before first\nsecond\nthird after");
    }
  });

  test("of a short pasted line are shown themselves, of a long one by its name", async () => {
    const { keys, input, shown } = terminal();
    keys(`\u001b[200~short\u001b[201~ \u001b[200~${"x".repeat(500)}\u001b[201~`);
    await soon();
    expect(shown()).toBe("short [pasted text 1, 500 characters]");
    expect(input.restorePastes(shown())).toBe(`short ${"x".repeat(500)}`);
    expect(input.restorePastes("[pasted text 9, 2 lines]")).toBe("[pasted text 9, 2 lines]");
  });

  test("wait while an answer is written; Ctrl-C interrupts it and drops what was typed before", async () => {
    const { keys, input, shown } = terminal();
    let interrupted = 0;
    input.hold(() => interrupted++);
    keys("typed ");
    keys("ahead\u0003next");
    await soon();
    expect([shown(), interrupted]).toEqual(["", 1]);
    input.release();
    keys("!");
    await soon();
    expect(shown()).toBe("next!");
  });
});
