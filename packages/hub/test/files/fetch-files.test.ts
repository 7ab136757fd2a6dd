import { createHash } from "node:crypto";
import { lstatSync, readFileSync, readlinkSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import {
  ChecksumError,
  DiskFullError,
  HubAccessError,
  HubNotFoundError,
  HubOfflineError,
  HubRequestError,
  HubResponseError,
  HubUnreachableError,
} from "@elastic-attention/core";
import { fetchFiles, type FetchProgress, hashText, hubSettings } from "../../src/index.js";
import { filesBelow, startHub, temporaryFolder } from "../temporary-cache.js";

const name = "someone/words";
const repository = { type: "dataset", name } as const;
const key = `datasets/${name}`;
const large = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7919) % 251));
const sha256 = createHash("sha256").update(large).digest("hex");
const files = { "large.bin": large, "some/small.txt": "small" };
const start = () => startHub({ [key]: files });
const folderOf = (cacheFolder: string) => join(cacheFolder, "datasets--someone--words");

describe("files of a repository", () => {
  test("are fetched into the cache that the hub's libraries share", async () => {
    const { hub, settings } = await start();
    const progress: FetchProgress[] = [];
    const snapshot = await fetchFiles({ repository, files: Object.keys(files), settings, onProgress: (each) => progress.push(each) });
    const commit = hub.commit(key);
    expect(snapshot).toMatchObject({ revision: "main", commit, current: true, folder: join(folderOf(settings.cacheFolder), "snapshots", commit) });
    expect(snapshot.files.map(({ path, size, hash }) => [path, size, hashText(hash)])).toEqual([
      ["large.bin", 300_000, `sha256:${sha256}`],
      // What `git hash-object` says of the five letters.
      ["some/small.txt", 5, "git-sha1:64c3ecd7abb014643a372e0155b41cfca014c01f"],
    ]);
    expect(readFileSync(join(snapshot.folder, "large.bin")).equals(large)).toBe(true);
    expect(readFileSync(join(snapshot.folder, "some/small.txt"), "utf8")).toBe("small");
    expect(readlinkSync(join(snapshot.folder, "large.bin"))).toBe(`../../blobs/${sha256}`);
    expect(readFileSync(join(folderOf(settings.cacheFolder), "refs/main"), "utf8")).toBe(commit);
    expect(progress.filter(({ path }) => path === "large.bin").at(-1)).toEqual({ path: "large.bin", done: 300_000, total: 300_000 });
    expect(filesBelow(settings.cacheFolder).filter((path) => /incomplete|new$/.test(path))).toEqual([]);
  });

  test("of a model too", async () => {
    const { settings } = await startHub({ "someone/model": { "config.json": "{}", empty: "" } });
    const snapshot = await fetchFiles({ repository: { type: "model", name: "someone/model" }, files: ["config.json", "empty"], settings });
    expect(readFileSync(join(snapshot.folder, "config.json"), "utf8")).toBe("{}");
    expect(statSync(join(snapshot.folder, "empty")).size).toBe(0);
    expect(snapshot.folder).toContain("models--someone--model");
  });

  test("come from the cache: a branch asks for its commit, a commit asks nothing", async () => {
    const { hub, settings } = await start();
    const first = await fetchFiles({ repository, files: ["large.bin"], settings });
    hub.requests.length = 0;
    const silent = () => expect.unreachable();
    expect(await fetchFiles({ repository, files: ["large.bin"], settings, onProgress: silent })).toEqual(first);
    expect(hub.requests.map(({ path }) => path)).not.toContainEqual(expect.stringContaining("resolve"));
    hub.requests.length = 0;
    expect(await fetchFiles({ repository, files: ["large.bin"], settings, revision: first.commit })).toEqual({ ...first, revision: first.commit });
    expect(hub.requests).toEqual([]);
  });

  test("follow the branch, and the old commit stays", async () => {
    const { hub, settings } = await start();
    const first = await fetchFiles({ repository, files: ["some/small.txt"], settings });
    hub.put(key, { "some/small.txt": "other" });
    const second = await fetchFiles({ repository, files: ["some/small.txt"], settings });
    expect(second.commit).not.toBe(first.commit);
    expect([first, second].map(({ folder }) => readFileSync(join(folder, "some/small.txt"), "utf8"))).toEqual(["small", "other"]);
  });

  test("come from the cache where the hub cannot be reached, which is said, and offline", async () => {
    const { hub, settings } = await start();
    const first = await fetchFiles({ repository, files: ["large.bin"], settings });
    await hub[Symbol.asyncDispose]();
    expect(await fetchFiles({ repository, files: ["large.bin"], settings, verify: "hash" })).toEqual({ ...first, current: false });
    expect(await fetchFiles({ repository, files: ["large.bin"], settings: { ...settings, offline: true } })).toEqual(first);
  });
});

describe("what goes wrong", () => {
  test("no network, and nothing in the cache", async () => {
    const { hub, settings } = await start();
    await hub[Symbol.asyncDispose]();
    const failure = fetchFiles({ repository, files: ["large.bin"], settings });
    await expect(failure).rejects.toThrow(HubUnreachableError);
    await expect(failure).rejects.toThrow(/127\.0\.0\.1:\d+ cannot be reached: .*ECONNREFUSED[\s\S]*HF_ENDPOINT/);
  });

  test("offline, and nothing in the cache: the hub is not asked", async () => {
    const { hub, settings } = await start();
    const failure = fetchFiles({ repository, files: ["large.bin"], settings: { ...settings, offline: true } });
    await expect(failure).rejects.toThrow(HubOfflineError);
    await expect(failure).rejects.toThrow(/large\.bin of dataset someone\/words at main[\s\S]*HF_HUB_OFFLINE/);
    expect(hub.requests).toEqual([]);
  });

  test.each<[string, Partial<Parameters<typeof fetchFiles>[0]>, RegExp]>([
    ["repository", { repository: { type: "dataset", name: "someone/wrods" } }, /no dataset someone\/wrods/],
    ["revision", { revision: "mian" }, /no such revision of dataset someone\/words/],
    ["file", { files: ["lrage.bin"] }, /no file lrage\.bin in dataset someone\/words at [0-9a-f]{40}[\s\S]*datasets\/someone\/words for its files/],
  ])("no such %s", async (_, wrong, words) => {
    const { settings } = await start();
    const failure = fetchFiles({ repository, files: ["large.bin"], settings, ...wrong });
    await expect(failure).rejects.toThrow(HubNotFoundError);
    await expect(failure).rejects.toThrow(words);
  });

  test("a private repository asks for HF_TOKEN; the token goes to the hub, and not where it redirects to", async () => {
    const { hub, settings } = await start();
    hub.token = "hf_right";
    const failure = fetchFiles({ repository, files: ["large.bin"], settings });
    await expect(failure).rejects.toThrow(HubAccessError);
    await expect(failure).rejects.toThrow(/\(401\)[\s\S]*set HF_TOKEN/);
    await expect(fetchFiles({ repository, files: ["large.bin"], settings: { ...settings, token: "hf_wrong" } })).rejects.toThrow(/token of HF_TOKEN has no access/);
    hub.requests.length = 0;
    await fetchFiles({ repository, files: ["large.bin"], settings: { ...settings, token: "hf_right" } });
    const tokens = (part: string) => new Set(hub.requests.filter(({ path }) => path.startsWith(part)).map(({ authorization }) => authorization));
    expect([tokens("/api/"), tokens("/datasets/"), tokens("/large/")]).toEqual([new Set(["Bearer hf_right"]), new Set(["Bearer hf_right"]), new Set([undefined])]);
    hub.faults.status = 403;
    await expect(fetchFiles({ repository, files: ["some/small.txt"], settings })).rejects.toThrow(HubAccessError);
  });

  test("a hub that fails", async () => {
    const { hub, settings } = await start();
    hub.faults.status = 500;
    await expect(fetchFiles({ repository, files: ["large.bin"], settings })).rejects.toThrow(HubResponseError);
    await expect(fetchFiles({ repository, files: ["large.bin"], settings })).rejects.toThrow(/answered 500/);
  });

  test.each([["../up.txt"], ["/etc/passwd"], ["a/../../b"], ["a\\b"], ["C:/x"], [""]])("the path %j", async (path) => {
    const { hub, settings } = await start();
    await expect(fetchFiles({ repository, files: [path], settings })).rejects.toThrow(HubRequestError);
    await expect(fetchFiles({ repository, files: ["large.bin"], settings, revision: path })).rejects.toThrow(HubRequestError);
    await expect(fetchFiles({ repository: { type: "dataset", name: path }, files: ["large.bin"], settings })).rejects.toThrow(HubRequestError);
    expect(hub.requests).toEqual([]);
  });

  test("a token and an address that cannot be", async () => {
    const { settings } = await start();
    await expect(fetchFiles({ repository, files: ["large.bin"], settings: { ...settings, token: "secret" } })).rejects.toThrow(/no token of the hub/);
    await expect(fetchFiles({ repository, files: ["large.bin"], settings: { ...settings, endpoint: "somewhere" } })).rejects.toThrow(/no address of a hub/);
  });

  test("bytes that are not those the hub lists are not kept", async () => {
    const { hub, settings } = await start();
    hub.faults.corrupt = true;
    for (const path of Object.keys(files)) await expect(fetchFiles({ repository, files: [path], settings })).rejects.toThrow(ChecksumError);
    expect(filesBelow(settings.cacheFolder)).toEqual([]);
    hub.faults.corrupt = false;
    await fetchFiles({ repository, files: Object.keys(files), settings });
  });

  test("a file larger than the disk", async () => {
    const { hub, settings } = await start();
    hub.faults.listedSize = 2 ** 52;
    await expect(fetchFiles({ repository, files: ["large.bin"], settings })).rejects.toThrow(DiskFullError);
    expect(filesBelow(settings.cacheFolder)).toEqual([]);
  });
});

describe("a file in the cache", () => {
  async function cached() {
    const { hub, settings } = await start();
    const { commit, files: [file] } = await fetchFiles({ repository, files: ["large.bin"], settings });
    const request = { repository, files: ["large.bin"], settings, revision: commit };
    return { hub, settings, request, blob: join(folderOf(settings.cacheFolder), "blobs", file!.hash.hex) };
  }

  test("that has changed is found by reading it, and fetched again", async () => {
    const { settings, request, blob } = await cached();
    const changed = Buffer.from(large);
    changed[1000]! ^= 1;
    writeFileSync(blob, changed);
    await expect(fetchFiles({ ...request, verify: "hash", settings: { ...settings, offline: true } })).rejects.toThrow(ChecksumError);
    await fetchFiles({ ...request, verify: "hash" });
    expect(readFileSync(blob).equals(large)).toBe(true);
  });

  test("that was cut short is fetched again", async () => {
    const { hub, settings, blob } = await cached();
    truncateSync(blob, 1000);
    await fetchFiles({ repository, files: ["large.bin"], settings });
    expect(readFileSync(blob).equals(large)).toBe(true);
    expect(lstatSync(join(folderOf(settings.cacheFolder), "snapshots", hub.commit(key), "large.bin")).isSymbolicLink()).toBe(true);
  });

  test("whose content is gone is fetched again", async () => {
    const { request, blob } = await cached();
    rmSync(blob);
    await fetchFiles(request);
    expect(readFileSync(blob).equals(large)).toBe(true);
  });
});

describe("a download that breaks", () => {
  test.each(["cutAfter", "endAfter"] as const)("goes on where the answer ended (%s)", async (fault) => {
    const { hub, settings } = await start();
    hub.faults[fault] = 100_000;
    await fetchFiles({ repository, files: ["large.bin"], settings });
    const starts = hub.requests.filter(({ path, range }) => path.startsWith("/large/") && range !== "bytes=0-0").map(({ range }) => range);
    expect(starts).toEqual([undefined, "bytes=100000-299999", "bytes=200000-299999"]);
  });

  test("is given up after some attempts, and gone on with by the next call", async () => {
    const { hub, settings } = await start();
    hub.faults.cutAfter = 50_000;
    await expect(fetchFiles({ repository, files: ["large.bin"], settings })).rejects.toThrow(HubUnreachableError);
    expect(filesBelow(settings.cacheFolder)).toEqual([`datasets--someone--words/blobs/${sha256}.incomplete`]);
    delete hub.faults.cutAfter;
    hub.requests.length = 0;
    await fetchFiles({ repository, files: ["large.bin"], settings });
    expect(hub.requests.map(({ range }) => range)).toContain("bytes=200000-299999");
  });

  test("starts anew where the part that was left is of something else", async () => {
    const { hub, settings } = await start();
    hub.faults.stallAfter = 10_000;
    const controller = new AbortController();
    const stopped = fetchFiles({ repository, files: ["large.bin"], settings, signal: controller.signal, onProgress: ({ done }) => done >= 10_000 && controller.abort(new Error("enough")) });
    await expect(stopped).rejects.toThrow("enough");
    const part = join(folderOf(settings.cacheFolder), "blobs", `${sha256}.incomplete`);
    expect(statSync(part).size).toBe(10_000);
    writeFileSync(part, "something else");
    delete hub.faults.stallAfter;
    await fetchFiles({ repository, files: ["large.bin"], settings });
    expect(readFileSync(join(folderOf(settings.cacheFolder), "blobs", sha256)).equals(large)).toBe(true);
  });

  test("stops at a signal before it began", async () => {
    const { hub, settings } = await start();
    await expect(fetchFiles({ repository, files: ["large.bin"], settings, signal: AbortSignal.abort(new Error("no")) })).rejects.toThrow("no");
    expect(hub.requests).toEqual([]);
  });

  test("because its process was killed leaves nothing that is taken for whole, and is resumed by the next call", async () => {
    const { hub, settings } = await start();
    hub.faults.stallAfter = 120_000;
    const environment = { ...process.env, HF_ENDPOINT: hub.url, HF_HUB_CACHE: settings.cacheFolder, NODE_OPTIONS: "" };
    const child = spawn(process.execPath, [fileURLToPath(new URL("fetching-child.mjs", import.meta.url)), name, "large.bin"], { env: environment });
    const ended = new Promise((resolve) => child.on("exit", (_, signal) => resolve(signal)));
    for await (const text of child.stdout) if (String(text).includes("120000")) break;
    child.kill("SIGKILL");
    expect(await ended).toBe("SIGKILL");
    delete hub.faults.stallAfter;
    const [part, ...others] = filesBelow(settings.cacheFolder);
    expect([part, others]).toEqual([expect.stringMatching(/\.incomplete$/), []]);
    await expect(fetchFiles({ repository, files: ["large.bin"], settings: { ...settings, offline: true } })).rejects.toThrow(HubOfflineError);
    hub.requests.length = 0;
    await fetchFiles({ repository, files: ["large.bin"], settings });
    expect(hub.requests.map(({ range }) => range)).toContain("bytes=120000-299999");
    expect(filesBelow(join(folderOf(settings.cacheFolder), "blobs"))).toEqual([sha256]);
  });

  test("several at once give one whole file", async () => {
    const { settings } = await start();
    const all = await Promise.all(Array.from({ length: 4 }, () => fetchFiles({ repository, files: Object.keys(files), settings })));
    expect(new Set(all.map(({ folder }) => folder)).size).toBe(1);
    expect(filesBelow(folderOf(settings.cacheFolder))).toHaveLength(5);
    expect(readFileSync(all[0]!.files[0]!.location).equals(large)).toBe(true);
  });
});

test("the environment names hub, cache and token", () => {
  const folder = temporaryFolder();
  const before = { ...process.env };
  try {
    Object.assign(process.env, { HF_ENDPOINT: "http://localhost:1/", HF_HOME: folder, HF_TOKEN: "hf_x", HF_HUB_OFFLINE: "1" });
    delete process.env["HF_HUB_CACHE"];
    delete process.env["HUGGINGFACE_HUB_CACHE"];
    expect(hubSettings()).toEqual({ endpoint: "http://localhost:1", cacheFolder: join(folder, "hub"), token: "hf_x", offline: true });
  } finally {
    process.env = before;
  }
});
