import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { zipSync } from "fflate";
import { InvalidRequestError, TextEncodingError } from "@elastic-attention/core";
import { afterAll, describe, expect, test } from "vitest";
import { readDocuments } from "../../src/prompt/read-documents.js";
import { readPrompt } from "../../src/prompt/read-prompt.js";
import { readJsonList } from "../../src/prompt/read-json-file.js";
import { templateInput } from "../../src/prompt/prompt-input.js";

const folder = mkdtempSync(join(tmpdir(), "prompt-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, content);
  return path;
}

describe("the files of a prompt", () => {
  test("are read by their mark, one alone without its name, several with theirs, in the order given", async () => {
    const one = file("one.txt", Buffer.from("\uFEFFGrüße\r\n", "utf16le"));
    const two = file("two.md", "\uFEFFzwei");
    expect(await readPrompt("Frage?", [one])).toBe("Grüße\nFrage?");
    expect(await readPrompt("Frage?", [two, one])).toBe(`File: ${two}\nzwei\n\nFile: ${one}\nGrüße\n\nFrage?`);
  });

  test("of a folder come by their names, numbers as numbers, folders in their place; hidden ones and links to folders stay out", async () => {
    for (const name of ["b 10.txt", "b 9.txt", "c/d.txt", "a.txt", ".hidden", "node_modules/x.txt"]) file(join("book", name), name);
    symlinkSync(join(folder, "book"), join(folder, "book", "e"));
    const { documents, leftOut } = await readDocuments([join(folder, "book")]);
    expect(documents.map(({ text }) => text)).toEqual(["a.txt", "b 9.txt", "b 10.txt", "c/d.txt"]);
    expect(leftOut).toEqual([]);
  });

  test("that are no plain text are left out of a folder, with the reason, and refused where they are named", async () => {
    const pdf = file("mixed/a.pdf", "%PDF-1.7\nhello");
    file("mixed/b.txt", "text");
    const { documents, leftOut } = await readDocuments([join(folder, "mixed")]);
    expect([documents.map(({ text }) => text), leftOut]).toEqual([["text"], [expect.stringMatching(/a\.pdf is a file of the kind pdf/)]]);
    await expect(readDocuments([pdf])).rejects.toThrow(InvalidRequestError);
  });

  test.each<[string, string | Uint8Array, RegExp]>([
    ["report.pdf", "%PDF-1.4\n%\u00E2\u00E3", /report\.pdf is a file of the kind pdf[\s\S]*pdftotext/],
    ["page.html", "<p>Hello</p>", /page\.html is an HTML page[\s\S]*pandoc -t plain/],
    ["page", "\n<!-- saved -->\n<!DOCTYPE html><title>x</title>", /page is an HTML page/],
    ["letter.rtf", "{\\rtf1\\ansi Hello}", /kind rtf[\s\S]*pandoc/],
    ["packed.zip", zipSync({ "a.txt": Buffer.from("a") }), /kind zip[\s\S]*Unpack/],
    ["picture.png", Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64"), /kind png/],
    ["unmarked.txt", Buffer.from("Is it a whale?", "utf16le"), /UTF-16LE without a byte order mark/],
    ["latin.txt", Buffer.from("Grüße", "latin1"), /not UTF-8: line 1/],
  ])("%s is refused by name, with what to do", async (name, content, words) => {
    await expect(readPrompt("Q", [file(name, content)])).rejects.toThrow(words);
    await expect(readPrompt("Q", [join(folder, name)])).rejects.toSatisfy((error) => InvalidRequestError.isInstance(error) || TextEncodingError.isInstance(error));
  });

  test("may be markup that is no page", async () => {
    for (const text of ["<?xml version='1.0'?><book/>", "<svg xmlns='http://www.w3.org/2000/svg'/>", '{"html": "<html>"}']) {
      expect(await readPrompt("Q", [file("markup.xml", text)])).toBe(`${text}\nQ`);
    }
  });

  test("that are too large, devices, and folders without files are refused before they are read", async () => {
    const large = file("large.txt", "");
    truncateSync(large, 65 * 2 ** 20);
    await expect(readPrompt("Q", [large])).rejects.toThrow(/68 MB of text; at most 64 MiB/);
    await expect(readPrompt("Q", ["/dev/zero"])).rejects.toThrow(/is a device/);
    mkdirSync(join(folder, "empty"));
    await expect(readPrompt("Q", [join(folder, "empty")])).rejects.toThrow(/folder without files/);
  });
});

describe("what the template is told", () => {
  test("comes from files of JSON, flags and variables", () => {
    const tools = file("tools.json", '\uFEFF{"tools":[{"type":"function"}]}');
    expect(templateInput({ tools, noThinking: true, variable: ["reasoning_effort=high", "depth=2", 'who={"a":1}'] })).toEqual({
      tools: [{ type: "function" }],
      thinking: false,
      variables: { reasoning_effort: "high", depth: 2, who: { a: 1 } },
    });
    expect(templateInput({})).toBeUndefined();
    expect(() => templateInput({ variable: ["x"] })).toThrow(/--variable takes name=value/);
  });

  test("is refused by its option where it is no list of JSON", () => {
    expect(() => readJsonList(file("broken.json", "[{,"), "--tools", "tools")).toThrow(/--tools: .*broken\.json is not JSON/);
    expect(() => readJsonList(file("object.json", "{}"), "--messages", "messages")).toThrow(/no JSON list, and no object with a list "messages"/);
  });
});
