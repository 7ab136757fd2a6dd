import { existsSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { CheckpointLayoutError, type ElasticAttentionError, MissingTensorError, SafetensorsFormatError } from "@elastic-attention/core";
import { SafetensorsCheckpoint, type TensorSource, writeSafetensors } from "../src/index.js";
import { TemporaryFolder } from "./safetensors-image.js";

const indexName = "model.safetensors.index.json";

/** A file whose tensors are one byte each: the code of the first letter of their names. */
function writeShard(path: string, ...names: readonly string[]): void {
  const source = (name: string): TensorSource => ({ type: "U8", shape: [1], bytes: () => Uint8Array.of(name.charCodeAt(0)) });
  writeSafetensors(path, new Map(names.map((name) => [name, source(name)])));
}

/** The index of the folder, or of its "model" folder where it has one; a text is the whole index. */
function writeIndex(folder: TemporaryFolder, weightMap: unknown): void {
  const name = existsSync(folder.file("model")) ? `model/${indexName}` : indexName;
  writeFileSync(folder.file(name), typeof weightMap === "string" ? weightMap : JSON.stringify({ weight_map: weightMap }));
}

describe("SafetensorsCheckpoint", () => {
  it("opens one file by its own name or through its folder", () => {
    using folder = new TemporaryFolder();
    writeShard(folder.file("model.safetensors"), "a", "b");
    for (const path of [folder.path, folder.file("model.safetensors")]) {
      using checkpoint = SafetensorsCheckpoint.open(path);
      expect([...checkpoint.names]).toEqual(["a", "b"]);
      expect(checkpoint.byteLength).toBe(2);
      expect(checkpoint.read("b")).toEqual(Uint8Array.of(98));
    }
  });

  it("joins the shards of an index", () => {
    using folder = new TemporaryFolder();
    const shards = Array.from({ length: 5 }, (_, i) => `model-${i + 1}-of-5.safetensors`);
    for (const [i, shard] of shards.entries()) writeShard(folder.file(shard), `${i}.first`, `${i}.second`);
    writeIndex(folder, Object.fromEntries(shards.flatMap((shard, i) => [[`${i}.first`, shard], [`${i}.second`, shard]])));
    using checkpoint = SafetensorsCheckpoint.open(folder.path);
    expect(checkpoint.byteLength).toBe(10);
    for (let i = 0; i < 5; i++) {
      expect(checkpoint.has(`${i}.second`)).toBe(true);
      expect(checkpoint.entry(`${i}.second`)).toMatchObject({ type: "U8", shape: [1] });
      expect(checkpoint.read(`${i}.second`, { start: 0, end: 1 })).toEqual(Uint8Array.of(48 + i));
    }
  });

  it("prefers a single file to an index beside it, which is of an older save", () => {
    using folder = new TemporaryFolder();
    writeShard(folder.file("model.safetensors"), "single");
    writeShard(folder.file("shard.safetensors"), "sharded");
    writeIndex(folder, { sharded: "shard.safetensors", gone: "gone.safetensors" });
    using checkpoint = SafetensorsCheckpoint.open(folder.path);
    expect([...checkpoint.names]).toEqual(["single"]);
  });

  it("reads an index that names the single file among its shards", () => {
    using folder = new TemporaryFolder();
    writeShard(folder.file("model.safetensors"), "single");
    writeShard(folder.file("routers.safetensors"), "router");
    writeIndex(folder, { single: "model.safetensors", router: "routers.safetensors" });
    using checkpoint = SafetensorsCheckpoint.open(folder.path);
    expect([...checkpoint.names]).toEqual(["single", "router"]);
  });

  it.each(["relative", "absolute"])("follows %s links of a folder into the blobs of a hub's cache", (kind) => {
    using folder = new TemporaryFolder();
    mkdirSync(folder.file("hub/models--org--name/blobs"), { recursive: true });
    mkdirSync(folder.file("model"));
    writeShard(folder.file("hub/models--org--name/blobs/0123"), "a");
    symlinkSync(kind === "relative" ? "../hub/models--org--name/blobs/0123" : folder.file("hub/models--org--name/blobs/0123"), folder.file("model/one.safetensors"));
    writeIndex(folder, { a: "one.safetensors" });
    using checkpoint = SafetensorsCheckpoint.open(folder.file("model"));
    expect(checkpoint.read("a")).toEqual(Uint8Array.of(97));
  });

  it("refuses other links with what they lead to, and says what to do", () => {
    using folder = new TemporaryFolder();
    for (const name of ["model", "elsewhere/blobs"]) mkdirSync(folder.file(name), { recursive: true });
    writeShard(folder.file("elsewhere/blobs/0123"), "a");
    symlinkSync("../elsewhere/blobs/0123", folder.file("model/one.safetensors"));
    symlinkSync("../gone", folder.file("model/two.safetensors"));
    writeIndex(folder, { a: "one.safetensors" });
    expect(() => SafetensorsCheckpoint.open(folder.file("model"))).toThrow(/a link to a place outside the checkpoint: .*0123\.\n {2}hint: A link may lead to/);
    writeIndex(folder, { a: "two.safetensors" });
    expect(() => SafetensorsCheckpoint.open(folder.file("model"))).toThrow(/two\.safetensors, a link to \.\.\/gone, which is missing\.\n {2}hint: Put the file back/);
  });

  it("follows the links of a download cache into its blobs, and nowhere else in it", () => {
    using cache = new TemporaryFolder();
    const snapshot = cache.file("snapshots/abc");
    mkdirSync(snapshot, { recursive: true });
    mkdirSync(cache.file("blobs"));
    mkdirSync(cache.file("private"));
    writeShard(cache.file("blobs/0123"), "a");
    writeShard(cache.file("private/0123"), "a");
    writeFileSync(`${snapshot}/${indexName}`, JSON.stringify({ weight_map: { a: "shard.safetensors" } }));
    symlinkSync("../../blobs/0123", `${snapshot}/shard.safetensors`);
    using checkpoint = SafetensorsCheckpoint.open(snapshot);
    expect(checkpoint.read("a")).toEqual(Uint8Array.of(97));

    writeFileSync(`${snapshot}/${indexName}`, JSON.stringify({ weight_map: { a: "other.safetensors" } }));
    symlinkSync("../../private/0123", `${snapshot}/other.safetensors`);
    expect(() => SafetensorsCheckpoint.open(snapshot)).toThrow(/outside the checkpoint/);
  });

  it("accepts a link that stays in the folder and a folder that is itself a link", () => {
    using folder = new TemporaryFolder();
    mkdirSync(folder.file("real"));
    writeShard(folder.file("real/shard.bin"), "a");
    symlinkSync("shard.bin", folder.file("real/shard.safetensors"));
    writeFileSync(folder.file(`real/${indexName}`), JSON.stringify({ weight_map: { a: "shard.safetensors" } }));
    symlinkSync("real", folder.file("linked"));
    using checkpoint = SafetensorsCheckpoint.open(folder.file("linked"));
    expect(checkpoint.has("a")).toBe(true);
  });

  it("names a missing tensor", () => {
    using folder = new TemporaryFolder();
    writeShard(folder.file("model.safetensors"), "a");
    using checkpoint = SafetensorsCheckpoint.open(folder.path);
    expect(checkpoint.has("b")).toBe(false);
    expect(() => checkpoint.read("b")).toThrow(MissingTensorError);
    expect(() => checkpoint.entry("b")).toThrow(`${folder.path} has no tensor "b"`);
  });
});

describe("hostile checkpoints", () => {
  /** What is added to a folder "model" with the tensor "a" in "one.safetensors". */
  const cases: readonly (readonly [name: string, message: RegExp, arrange: (folder: TemporaryFolder) => void])[] = [
    ["a shard in the parent folder", /not a plain file name/, (folder) => writeIndex(folder, { a: "../outside.safetensors" })],
    ["a shard in a folder below", /not a plain file name/, (folder) => writeIndex(folder, { a: "sub/one.safetensors" })],
    ["an absolute shard", /not a plain file name/, (folder) => writeIndex(folder, { a: "/etc/passwd" })],
    ["a shard behind a backslash", /not a plain file name/, (folder) => writeIndex(folder, { a: "..\\outside.safetensors" })],
    ["the parent as shard", /not a plain file name/, (folder) => writeIndex(folder, { a: ".." })],
    ["the folder as shard", /not a plain file name/, (folder) => writeIndex(folder, { a: "." })],
    ["a shard without a name", /not a plain file name/, (folder) => writeIndex(folder, { a: "" })],
    ["a shard name with NUL", /not a plain file name/, (folder) => writeIndex(folder, { a: "one.safetensors\0.txt" })],
    ["a missing shard", /is missing/, (folder) => writeIndex(folder, { a: "two.safetensors" })],
    [
      "a link to a file outside",
      /outside the checkpoint/,
      (folder) => {
        writeShard(folder.file("outside.safetensors"), "a");
        symlinkSync("../outside.safetensors", folder.file("model/link.safetensors"));
        writeIndex(folder, { a: "link.safetensors" });
      },
    ],
    [
      "a link to a folder whose name begins like ours",
      /outside the checkpoint/,
      (folder) => {
        mkdirSync(folder.file("model-private"));
        writeShard(folder.file("model-private/a.safetensors"), "a");
        symlinkSync("../model-private/a.safetensors", folder.file("model/link.safetensors"));
        writeIndex(folder, { a: "link.safetensors" });
      },
    ],
    [
      "a link to itself",
      /is missing/,
      (folder) => {
        symlinkSync("loop.safetensors", folder.file("model/loop.safetensors"));
        writeIndex(folder, { a: "loop.safetensors" });
      },
    ],
    [
      "a tensor in two shards",
      /"a" is both in one\.safetensors and in two\.safetensors/,
      (folder) => {
        writeShard(folder.file("model/two.safetensors"), "a", "b");
        writeIndex(folder, { a: "one.safetensors", b: "two.safetensors" });
      },
    ],
    ["a tensor placed twice", /places "a" twice/, (folder) => writeIndex(folder, '{"weight_map":{"a":"x","\\u0061":"one.safetensors"}}')],
    ["a tensor that its shard lacks", /does not hold it/, (folder) => writeIndex(folder, { a: "one.safetensors", b: "one.safetensors" })],
    [
      "a tensor placed in the wrong shard",
      /places "b" in one\.safetensors, but it is in two\.safetensors/,
      (folder) => {
        writeShard(folder.file("model/two.safetensors"), "b");
        writeIndex(folder, { b: "one.safetensors", a: "two.safetensors" });
      },
    ],
    ["__proto__ as a tensor", /does not hold it/, (folder) => writeIndex(folder, '{"weight_map":{"__proto__":"one.safetensors"}}')],
    ["an index that is no JSON", /is not JSON/, (folder) => writeIndex(folder, "{")],
    ["an index without weight_map", /has no weight_map/, (folder) => writeIndex(folder, "{}")],
    ["an index that is null", /has no weight_map/, (folder) => writeIndex(folder, "null")],
    ["a weight_map of numbers", /has no weight_map/, (folder) => writeIndex(folder, { a: 1 })],
    ["a weight_map that is an array", /has no weight_map/, (folder) => writeIndex(folder, ["one.safetensors"])],
    ["an index that is a folder", /is not a file/, (folder) => mkdirSync(folder.file(`model/${indexName}`))],
    [
      "an index of 1 GB",
      /is not a file of at most/,
      (folder) => {
        writeIndex(folder, "");
        truncateSync(folder.file(`model/${indexName}`), 1e9);
      },
    ],
  ];

  it.each(cases)("refuses %s", (_name, message, arrange) => {
    using outer = new TemporaryFolder();
    mkdirSync(outer.file("model"));
    writeShard(outer.file("model/one.safetensors"), "a");
    arrange(outer);
    // The fastest of five tries counts, as other work shares the machine.
    let fastest = Infinity;
    for (let attempt = 0; attempt < 5; attempt++) {
      const start = performance.now();
      expect(() => SafetensorsCheckpoint.open(outer.file("model"))).toThrow(CheckpointLayoutError);
      fastest = Math.min(fastest, performance.now() - start);
    }
    expect(fastest).toBeLessThan(50);
    expect(() => SafetensorsCheckpoint.open(outer.file("model"))).toThrow(message);
  });

  it("refuses a folder without tensors and a path without anything, and says what to do", () => {
    using folder = new TemporaryFolder();
    const hintOf = (path: string): string | undefined => {
      try {
        SafetensorsCheckpoint.open(path).close();
      } catch (error) {
        expect(error).toBeInstanceOf(CheckpointLayoutError);
        return (error as ElasticAttentionError).hint;
      }
      return undefined;
    };
    expect(hintOf(folder.path)).toContain("a .safetensors or a .gguf file");
    expect(hintOf(folder.file("nothing"))).toContain("Name a model folder");
    expect(hintOf("bad\0name")).toContain("Name a model folder");
  });

  it("passes on what is wrong with a shard", () => {
    using folder = new TemporaryFolder();
    writeShard(folder.file("one.safetensors"), "a");
    truncateSync(folder.file("one.safetensors"), 20);
    writeIndex(folder, { a: "one.safetensors" });
    expect(() => SafetensorsCheckpoint.open(folder.path)).toThrow(SafetensorsFormatError);
    mkdirSync(folder.file("two.safetensors"));
    writeIndex(folder, { a: "two.safetensors" });
    expect(() => SafetensorsCheckpoint.open(folder.path)).toThrow(/is not a regular file/);
  });
});
