import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** Files of repositories by name: `datasets/OWNER/NAME` or, for models, `OWNER/NAME`. */
export type FakeRepositories = Readonly<Record<string, Readonly<Record<string, Uint8Array | string>>>>;

/** One request that came, as it came. */
export interface FakeRequest {
  readonly method: string;
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
}

/** What goes wrong, until it is taken back. */
export interface FakeFaults {
  /** Requests are answered with this status: every one, or as many as `times` says. */
  status?: number;
  times?: number;
  /** Retry-After of these answers. */
  retryAfter?: string;
  /** Connections are cut after this many bytes of a file. */
  cutAfter?: number;
  /** Answers with a file end after this many bytes, as if they were complete. */
  endAfter?: number;
  /** Files stop after this many bytes, and the connection stays open. */
  stallAfter?: number;
  /** A byte of every file is changed. */
  corrupt?: boolean;
  /** Files are listed with this size. */
  listedSize?: number;
  /** Large files are listed with this size. */
  listedWeights?: number;
}

interface Content {
  readonly bytes: Buffer;
  readonly sha256: string;
  readonly gitSha1: string;
  /** Large files are kept apart, and answered with a redirect. */
  readonly large: boolean;
}

/**
 * A hub of one's own on this machine, for tests and examples: repositories with the addresses, headers and redirects that
 * downloading needs. Every repository has one commit, and the branch `main`.
 */
export class FakeHub implements AsyncDisposable {
  /** All that came, in order; it may be emptied. */
  readonly requests: FakeRequest[] = [];
  readonly faults: FakeFaults = {};
  /** Only requests with this access token are let in. */
  token: string | undefined;
  /** Names of repositories whose terms nobody has accepted. */
  readonly gated = new Set<string>();
  readonly #contents = new Map<string, Map<string, Content>>();
  readonly #server: Server;
  /** As on the real hub, large files are kept at another address. */
  readonly #storage: Server;

  private constructor(repositories: FakeRepositories) {
    for (const [name, files] of Object.entries(repositories)) this.put(name, files);
    [this.#server, this.#storage] = [0, 1].map(() => createServer((request, response) => void this.#answer(request, response))) as [Server, Server];
  }

  /** Listens on free ports of 127.0.0.1, until it is disposed. */
  static async start(repositories: FakeRepositories): Promise<FakeHub> {
    const hub = new FakeHub(repositories);
    for (const server of [hub.#server, hub.#storage]) await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return hub;
  }

  /** For HF_ENDPOINT or the settings' `endpoint`. */
  get url(): string {
    return address(this.#server);
  }

  /** Replaces the files of a repository: a new commit. */
  put(name: string, files: Readonly<Record<string, Uint8Array | string>>): void {
    this.#contents.set(name, new Map(Object.entries(files).map(([path, file]) => [path, content(Buffer.from(file))])));
  }

  /** The commit that `main` is at. */
  commit(name: string): string {
    const hash = createHash("sha1");
    for (const [path, { sha256 }] of this.#contents.get(name) ?? []) hash.update(`${path}\0${sha256}\n`);
    return hash.digest("hex");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of [this.#server, this.#storage]) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url!, this.url);
    const path = decodeURIComponent(pathname);
    const { range, authorization } = request.headers;
    this.requests.push({ method: request.method!, path, range, authorization });
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const { status, times, retryAfter } = this.faults;
    if (status !== undefined && (times === undefined || times > 0)) {
      if (times !== undefined) this.faults.times = times - 1;
      if (retryAfter !== undefined) response.setHeader("retry-after", retryAfter);
      return refuse(response, status);
    }
    const large = /^\/large\/([0-9a-f]{64})$/.exec(path);
    // The place of large files asks for no token.
    if (large !== null) return this.#large(large[1]!, range, response);
    if (this.token !== undefined && authorization !== `Bearer ${this.token}`) return refuse(response, 401, "RepoNotFound");
    if (path === "/api/models") return json(response, this.#search(searchParams));
    const api = /^\/api\/(models|datasets)\/(.+?)\/(revision|paths-info|tree)\/(.+)$/.exec(path);
    const file = /^\/(datasets\/)?([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(path);
    const name = api === null ? `${file?.[1] ?? ""}${file?.[2]}` : `${api[1] === "datasets" ? "datasets/" : ""}${api[2]}`;
    if (this.gated.has(name)) return refuse(response, authorization === undefined ? 401 : 403, "GatedRepo");
    if (api !== null) this.#api(name, api[3]!, api[4]!, body, response);
    else if (file !== null) this.#resolve(name, file[3]!, file[4]!, range, response);
    else refuse(response, 404);
  }

  #find(name: string, revision: string, response: ServerResponse): Map<string, Content> | undefined {
    const files = this.#contents.get(name);
    if (files === undefined) refuse(response, 404, "RepoNotFound");
    else if (revision !== "main" && revision !== "HEAD" && revision !== this.commit(name)) refuse(response, 404, "RevisionNotFound");
    else return files;
    return undefined;
  }

  #api(name: string, what: string, revision: string, body: string, response: ServerResponse): void {
    const files = this.#find(name, revision, response);
    if (files === undefined) return;
    json(response, this.#describe(name, what, files, body));
  }

  #describe(name: string, what: string, files: ReadonlyMap<string, Content>, body: string): object {
    switch (what) {
      case "revision":
        return { ...described(name), sha: this.commit(name) };
      case "tree":
        return [...files].flatMap(([path, file]) => this.#listed(path, file));
      default:
        return (JSON.parse(body) as { paths: string[] }).paths.flatMap((path) => this.#listed(path, files.get(path)));
    }
  }

  /** Models with the words of `search` in their name, or of an `author`. */
  #search(asked: URLSearchParams): object[] {
    const [words, author] = [asked.get("search") ?? "", asked.get("author")];
    const found = [...this.#contents.keys()].filter(
      (name) => !name.startsWith("datasets/") && name.toLowerCase().includes(words.toLowerCase()) && (author === null || name.startsWith(`${author}/`)),
    );
    return found.map(described);
  }

  #listed(path: string, file: Content | undefined): object[] {
    if (file === undefined) return [];
    const size = this.faults.listedSize ?? (file.large ? this.faults.listedWeights : undefined) ?? file.bytes.length;
    return [{ type: "file", path, size, oid: file.gitSha1, ...(file.large ? { lfs: { oid: file.sha256, size, pointerSize: 130 } } : {}) }];
  }

  #resolve(name: string, revision: string, path: string, range: string | undefined, response: ServerResponse): void {
    const file = this.#find(name, revision, response)?.get(path);
    if (response.writableEnded) return;
    if (file === undefined) return refuse(response, 404, "EntryNotFound");
    response.setHeader("x-repo-commit", this.commit(name));
    if (!file.large) return this.#send(file, range, response.setHeader("etag", `"${file.gitSha1}"`));
    response.setHeader("x-linked-etag", `"${file.sha256}"`).setHeader("x-linked-size", file.bytes.length);
    response.writeHead(302, { location: `${address(this.#storage)}/large/${file.sha256}` }).end();
  }

  #large(sha256: string, range: string | undefined, response: ServerResponse): void {
    for (const files of this.#contents.values()) {
      for (const file of files.values()) if (file.sha256 === sha256) return this.#send(file, range, response.setHeader("etag", `"${sha256}"`));
    }
    refuse(response, 404);
  }

  #send({ bytes }: Content, range: string | undefined, response: ServerResponse): void {
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(range ?? "") ?? [];
    const start = Number(from ?? 0);
    const end = to === undefined || to === "" ? bytes.length : Math.min(Number(to) + 1, bytes.length);
    const { corrupt, cutAfter, endAfter = bytes.length, stallAfter } = this.faults;
    const part = Buffer.from(bytes.subarray(start, Math.min(end, start + endAfter)));
    // Questions for the size alone ask for one byte.
    const whole = part.length > 1;
    if (corrupt && whole) part[part.length >> 1]! ^= 1;
    const headers = { "content-length": part.length, ...(from === undefined ? {} : { "content-range": `bytes ${start}-${end - 1}/${bytes.length}` }) };
    response.writeHead(from === undefined ? 200 : 206, headers);
    if (whole && cutAfter !== undefined) response.write(part.subarray(0, cutAfter), () => setTimeout(() => response.destroy(), 20));
    else if (whole && stallAfter !== undefined && stallAfter < part.length) response.write(part.subarray(0, stallAfter));
    else response.end(part);
  }
}

function address(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function described(name: string): object {
  return { _id: "1", id: name.replace("datasets/", ""), private: false, gated: false, downloads: 0, likes: 0, lastModified: new Date(0) };
}

function json(response: ServerResponse, answer: object): void {
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
}

function content(bytes: Buffer): Content {
  return {
    bytes,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    gitSha1: createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex"),
    large: bytes.length > 1000,
  };
}

function refuse(response: ServerResponse, status: number, code?: string): void {
  if (code !== undefined) response.setHeader("x-error-code", code);
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify({ error: code ?? "refused" }));
}
