import { HubRequestError } from "@elastic-attention/core";
import { describe, expect, test } from "vitest";
import { modelNameText, parseModelName } from "../../src/models/model-name.js";

const commit = "0123456789abcdef0123456789abcdef01234567";

describe("the name of a model", () => {
  test.each([
    ["org/name", { repository: "org/name" }],
    ["org/name@v1.0", { repository: "org/name", revision: "v1.0" }],
    ["org/name@refs/pr/3", { repository: "org/name", revision: "refs/pr/3" }],
    [`org/name@${commit}`, { repository: "org/name", revision: commit }],
    ["org/name:Q4_K_M", { repository: "org/name", selector: "Q4_K_M" }],
    ["org/name@main:sub/some file.gguf", { repository: "org/name", revision: "main", selector: "sub/some file.gguf" }],
    ["Qwen/Qwen2.5-0.5B_x", { repository: "Qwen/Qwen2.5-0.5B_x" }],
  ])("%s is one of the hub", (text, expected) => {
    const parsed = parseModelName(text);
    expect(parsed).toEqual({ kind: "hub", revision: undefined, selector: undefined, ...expected });
    expect(parsed.kind === "hub" && modelNameText(parsed)).toBe(text);
  });

  test.each(["./org/name", "../name", "../../org/name", "/org/name", "~/name", "~", ".", "name", "a/b/c", "org/name.gguf", "org/name.safetensors", "C:\\models\\a", "c:/models", "org\\name", "", "org/name/"])(
    "%j is a path, and never goes to the hub",
    (text) => expect(parseModelName(text)).toEqual({ kind: "path", path: text }),
  );

  test.each([
    "org/name@..", "org/name@../../x", "org/name@", "org/name@a\\b", "org/name@/etc", "org/name:", "org/name:../x.gguf", "org/name:/etc/x.gguf", "org/name:a\\b.gguf",
    "org/name:a\0b", "org/..", "org/.", "or g/name", "org/na\nme", "a--b/c", "org/na..me", "org/name?x=1", "org/%2e%2e", "https://huggingface.co/org/name", `${"o".repeat(97)}/name`,
  ])("%j is refused", (text) => expect(() => parseModelName(text)).toThrow(HubRequestError));
});
