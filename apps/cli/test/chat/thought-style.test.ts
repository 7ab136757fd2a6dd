import { expect, test } from "vitest";
import { ThoughtStyle } from "../../src/commands/chat/thought-style.js";

const answer = "Well. <think>Is it <b>?</think>It is.";

test("thoughts are dimmed, whatever pieces the answer comes in", () => {
  for (let size = 1; size <= answer.length; size++) {
    let written = "";
    const style = new ThoughtStyle((text) => (written += text));
    for (let at = 0; at < answer.length; at += size) style.take(answer.slice(at, at + size));
    style.end();
    expect(written).toBe("Well. \u001b[2m<think>Is it <b>?</think>\u001b[22mIt is.");
  }
});

test("an answer that ends in a thought, or in what looks like a tag, is whole and leaves the terminal's colours", () => {
  let written = "";
  const style = new ThoughtStyle((text) => (written += text));
  style.take("<think>so</thi");
  style.end();
  style.take("a <thin");
  style.end();
  expect(written).toBe("\u001b[2m<think>so</thi\u001b[22ma <thin");
});
