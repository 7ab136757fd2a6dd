import { setTimeout } from "node:timers/promises";
import { datasetInfo, downloadFile, listFiles, listModels, modelInfo, pathsInfo } from "@huggingface/hub";
import { HubAccessError, HubError, HubNotFoundError, HubResponseError, HubUnreachableError } from "@elastic-attention/core";
import { type ContentHash, contentHash } from "../cache/content-hash.js";
import type { HubSettings } from "./hub-settings.js";
import { proxiedFetch, proxyText } from "./proxied-fetch.js";
import { commitPattern, isInside, type Repository, repositoryText } from "./repository.js";
import { type HubWait, waitBefore, waitSeconds } from "./retry-policy.js";

/** What the hub lists of a file. */
export interface ListedFile {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly hash: ContentHash;
}

/**
 * Asks one repository of the hub; every failure is an error of this package. Files go by plain HTTP, also where the hub has
 * them in chunks: one stream can be verified as it comes, and gone on with where it broke.
 */
export class HubConnection {
  /** What went wrong last: streams of the library carry its text only. */
  #failure: unknown;
  readonly #common: { readonly hubUrl: string; readonly fetch: typeof fetch; readonly accessToken?: string };

  constructor(
    private readonly settings: HubSettings,
    private readonly repository: Repository,
    private readonly signal?: AbortSignal,
    private readonly onWait?: (wait: HubWait) => void,
  ) {
    const { endpoint: hubUrl, token } = settings;
    this.#common = { hubUrl, fetch: (input, init) => this.#fetch(input, init), ...(token === undefined ? {} : { accessToken: token }) };
  }

  /** The commit that a branch or tag is at. @throws HubError */
  async commitOf(revision: string): Promise<string> {
    const { type, name } = this.repository;
    const question = { ...this.#common, name, revision, additionalFields: ["sha" as const] };
    const { sha } = await this.#typed(() => (type === "dataset" ? datasetInfo(question) : modelInfo(question)));
    if (typeof sha !== "string" || !commitPattern.test(sha)) throw new HubResponseError(`The hub names no commit of ${repositoryText(this.repository)}.`);
    return sha;
  }

  /** Sizes and hashes of files, in their order. @throws HubNotFoundError for one that is not there, HubError */
  async list(commit: string, paths: readonly string[]): Promise<ListedFile[]> {
    const listed = await this.#typed(() => pathsInfo({ ...this.#common, repo: this.repository, revision: commit, paths: [...paths] }));
    return paths.map((path) => {
      const found = listed.find((each) => each.path === path && each.type === "file");
      if (found === undefined) {
        throw new HubNotFoundError(`file ${path} in ${repositoryText(this.repository)} at ${commit}`, `See ${this.#page()} for its files.`);
      }
      return listedFile(found);
    });
  }

  /** Every file of the repository. @throws HubError */
  async listAll(commit: string): Promise<ListedFile[]> {
    return this.#typed(async () => {
      const files: ListedFile[] = [];
      for await (const each of listFiles({ ...this.#common, repo: this.repository, revision: commit, recursive: true })) {
        // Names become paths on the disk; no model needs a file that would leave its folder.
        if (each.type === "file" && isInside(each.path)) files.push(listedFile(each));
      }
      return files;
    });
  }

  /** Names of models by words in them or by their owner. @throws HubError */
  async search(search: { readonly query: string } | { readonly owner: string }, limit: number): Promise<string[]> {
    return this.#typed(async () => {
      const names: string[] = [];
      for await (const { name } of listModels({ ...this.#common, search, limit })) names.push(name);
      return names;
    });
  }

  /** The first bytes of a file; fewer where it is shorter. @throws HubError */
  async readHead(commit: string, file: ListedFile, bytes: number): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.read(commit, file, 0, Math.min(bytes, file.size))) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  /** A file's bytes from `start` on, up to `end` where it is given. @throws HubError */
  async *read(commit: string, { path, size }: ListedFile, start: number, end = size): AsyncGenerator<Uint8Array> {
    if (start === end) return;
    const blob = await this.#typed(() => downloadFile({ ...this.#common, repo: this.repository, revision: commit, path, xet: false }));
    if (blob === null) throw new HubNotFoundError(`file ${path} in ${repositoryText(this.repository)}`);
    const stream = blob.slice(start, end).stream();
    this.#failure = undefined;
    try {
      for await (const chunk of stream) yield chunk as Uint8Array;
    } catch (error) {
      throw this.#typedError(this.#failure ?? error);
    }
  }

  /** Asks again where the hub is busy or fails for a moment; every other failure is an error. */
  async #fetch(input: Parameters<typeof fetch>[0], init: RequestInit | undefined): Promise<Response> {
    for (let attempt = 1; ; attempt++) {
      const response = await this.#fetchOnce(input, init);
      if (response.ok) return response;
      await response.body?.cancel();
      const seconds = waitBefore(attempt, response);
      if (seconds === undefined) throw (this.#failure = this.#refusal(response));
      this.onWait?.({ status: response.status, seconds });
      await setTimeout(1000 * seconds, undefined, this.signal === undefined ? {} : { signal: this.signal });
    }
  }

  async #fetchOnce(input: Parameters<typeof fetch>[0], init: RequestInit | undefined): Promise<Response> {
    const send = await proxiedFetch();
    try {
      return await send(input, { ...init, ...(this.signal === undefined ? {} : { signal: this.signal }) });
    } catch (error) {
      throw (this.#failure = this.#typedError(error));
    }
  }

  #refusal(response: Response): HubError {
    const { status, headers, url } = response;
    const what = repositoryText(this.repository);
    const code = headers.get("x-error-code") ?? "";
    if (status === 401 || status === 403) {
      return new HubAccessError(status, what, { withToken: this.settings.token !== undefined, gated: code === "GatedRepo", page: this.#page() });
    }
    if (status === 404) {
      const part = { RevisionNotFound: "such revision of ", EntryNotFound: "such file in " }[code] ?? "";
      return new HubNotFoundError(`${part}${what}`);
    }
    const busy = status === 429 ? ": too many requests" : "";
    return new HubResponseError(`The hub answered ${status} for ${new URL(url).pathname}${busy}.`, status, undefined, waitSeconds(headers));
  }

  async #typed<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      throw this.#typedError(error);
    }
  }

  #typedError(error: unknown): unknown {
    if (this.signal?.aborted) return this.signal.reason;
    if (HubError.isInstance(error)) return error;
    // What fetch throws when a connection fails or breaks; a body that is not JSON is a SyntaxError.
    if (error instanceof TypeError) {
      const proxy = proxyText();
      return new HubUnreachableError(`${this.settings.endpoint}${proxy === undefined ? "" : ` (through the proxy ${proxy})`}`, error);
    }
    return new HubResponseError(`The hub's answer is not understood: ${error instanceof Error ? error.message : String(error)}.`, undefined, error);
  }

  #page(): string {
    return `${this.settings.endpoint}/${this.repository.type === "dataset" ? "datasets/" : ""}${this.repository.name}`;
  }
}

function listedFile({ path, size, oid, lfs }: { readonly path: string; readonly size: number; readonly oid?: string; readonly lfs?: { readonly oid: string; readonly size: number } }): ListedFile {
  const bytes = lfs?.size ?? size;
  if (!Number.isSafeInteger(bytes) || bytes < 0) throw new HubResponseError(`The hub gives no size of ${path}.`);
  return { path, size: bytes, hash: contentHash(lfs?.oid ?? oid ?? "") };
}
