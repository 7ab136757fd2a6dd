import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { TokenizerPipeline } from "@elastic-attention/tokenizer";
import { StopFilter, Tokenizer } from "../../src/index.js";
import { TextStream } from "../../src/text/text-stream.js";
import { demoModel } from "../doubles/tiny-model.js";

type Row = { readonly ids?: readonly number[]; readonly ids_special?: readonly number[] };
type Table = { readonly encode: readonly Row[]; readonly decode: readonly Row[] };

const own = fileURLToPath(new URL("../../../tokenizer/test/fixtures/", import.meta.url));
const shared = ["../../../../../shared/", "../../../../../../shared/"].map((path) => fileURLToPath(new URL(path, import.meta.url))).find((path) => existsSync(path));
const tables = [own, ...(shared === undefined ? [] : [`${shared}fixtures/text/`])].flatMap((folder) =>
  readdirSync(join(folder, "tokens")).map((file) => ({ name: file.replace(".json.gz", ""), folder })),
);
const names = new Map(tables.map(({ name, folder }) => [name, folder] as const));

function readGzip(path: string): unknown {
  return JSON.parse(gunzipSync(readFileSync(path)).toString());
}

/** Sequences that end within characters, words and runs of bytes as well as whole texts. */
function sequences(table: Table): number[][] {
  return [...table.encode, ...table.decode].map((row) => Array.from(row.ids_special ?? row.ids ?? [])).filter((ids) => ids.length > 0 && ids.length <= 200);
}

interface Loaded {
  readonly tokenizer: Tokenizer;
  readonly rows: number[][];
}

const loaded = new Map<string, Loaded>();

function load(name: string): Loaded {
  const known = loaded.get(name) ?? read(name);
  loaded.set(name, known);
  return known;
}

function read(name: string): Loaded {
  const folder = names.get(name)!;
  const table = readGzip(join(folder, "tokens", `${name}.json.gz`)) as Table & { readonly tokenizer: string };
  const files = join(folder, "tokenizers", table.tokenizer.replace(/^tokenizers\//u, ""));
  const config = JSON.parse(readFileSync(join(files, "tokenizer_config.json"), "utf8")) as Record<string, unknown>;
  const codec = new TokenizerPipeline(readGzip(join(files, "tokenizer.json.gz")), config);
  return { tokenizer: new Tokenizer({ codec, config, chatTemplate: undefined, endOfText: [] }), rows: sequences(table) };
}

/** What a stream gives, piece by piece. */
function pieces(stream: TextStream, ids: readonly number[]): string[] {
  return [...ids.map((id) => stream.push(id)), stream.flush()];
}

describe("text that streams", () => {
  it.each([...names.keys()])("is whole characters whose sum is what decoding at once gives, with special tokens shown or not: %s", (name) => {
    const { tokenizer, rows } = load(name);
    const wrong = rows.filter((ids) =>
      [true, false].some((skipSpecialTokens) => {
        const found = pieces(new TextStream(tokenizer.detokenizer([], { skipSpecialTokens }), []), ids);
        return found.some((piece) => !piece.isWellFormed()) || found.join("") !== tokenizer.decode(ids, { skipSpecialTokens });
      }),
    );
    expect(wrong).toEqual([]);
  });

  it.each([...names.keys()])("ends before a stop text, however tokens cut it, and gives nothing of it: %s", (name) => {
    const { tokenizer, rows } = load(name);
    let met = 0;
    for (const [index, ids] of rows.entries()) {
      const text = tokenizer.decode(ids);
      const characters = Array.from(text);
      if (characters.length < 4 || index % 3 !== 0) continue;
      const from = (index * 7) % (characters.length - 2);
      const stops = [characters.slice(from, from + 2 + (index % 9)).join(""), `${characters[from]!}\u{10FFFF}`, "\u{10FFFF}"];
      const stream = new TextStream(tokenizer.detokenizer(), stops);
      const found = pieces(stream, ids);
      expect(found.every((piece) => piece.isWellFormed())).toBe(true);
      expect(found.join("")).toBe(text.slice(0, text.indexOf(stops[0]!)));
      expect(stream.stopped).toBe(true);
      met++;
    }
    expect(met).toBeGreaterThan(20);
  });

  it.each([...names.keys()])("goes on from a prompt as the text of both does: %s", (name) => {
    const { tokenizer, rows } = load(name);
    let compared = 0;
    for (const [index, ids] of rows.entries()) {
      if (index % 6 !== 0) continue;
      const text = tokenizer.decode(ids);
      for (const at of [1, Math.floor(ids.length / 2), ids.length - 1]) {
        const before = tokenizer.decode(ids.slice(0, at));
        // Where what follows changes the end of the prompt there is no such thing as "the rest".
        if (at < 1 || at >= ids.length || before.endsWith("\uFFFD") || !text.startsWith(before)) continue;
        const found = pieces(new TextStream(tokenizer.detokenizer(ids.slice(0, at)), []), ids.slice(at));
        expect([at, found.join("")]).toEqual([at, text.slice(before.length)]);
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(20);
  });
});

describe("a stop text", () => {
  const tokenizer = Tokenizer.load(demoModel);

  it("that is half a character cuts none in two", () => {
    const filter = new StopFilter(["\ud83d", "\ude00"]);
    expect([filter.push("a😀b"), filter.push("\uFFFDc"), filter.stopped]).toEqual(["a😀b", "", true]);
  });

  it("that has special tokens in it is met where they are shown", () => {
    const ids = Array.from(tokenizer.encode("Hello<|end|>more", { addSpecialTokens: false }));
    const shown = new TextStream(tokenizer.detokenizer([], { skipSpecialTokens: false }), ["lo<|end|>m"]);
    expect(pieces(shown, ids).join("")).toBe("Hel");
    const hidden = new TextStream(tokenizer.detokenizer(), ["lo<|end|>m"]);
    expect(pieces(hidden, ids).join("")).toBe("Hellomore");
  });
});
