import { datasetInfo, downloadFile, modelInfo, pathsInfo } from "@huggingface/hub";
import { HubAccessError, HubError, HubNotFoundError, HubResponseError, HubUnreachableError } from "@elastic-attention/core";
import { type ContentHash, contentHash } from "./content-hash.js";
import type { HubSettings } from "./hub-settings.js";
import { commitPattern, type Repository, repositoryText } from "./repository.js";

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
      const size = found.lfs?.size ?? found.size;
      if (!Number.isSafeInteger(size) || size < 0) throw new HubResponseError(`The hub gives no size of ${path}.`);
      return { path, size, hash: contentHash(found.lfs?.oid ?? found.oid ?? "") };
    });
  }

  /** A file's bytes from `start` on. @throws HubError */
  async *read(commit: string, { path, size }: ListedFile, start: number): AsyncGenerator<Uint8Array> {
    if (start === size) return;
    const blob = await this.#typed(() => downloadFile({ ...this.#common, repo: this.repository, revision: commit, path, xet: false }));
    if (blob === null) throw new HubNotFoundError(`file ${path} in ${repositoryText(this.repository)}`);
    const stream = blob.slice(start).stream();
    this.#failure = undefined;
    try {
      for await (const chunk of stream) yield chunk as Uint8Array;
    } catch (error) {
      throw this.#typedError(this.#failure ?? error);
    }
  }

  async #fetch(input: Parameters<typeof fetch>[0], init: RequestInit | undefined): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(input, { ...init, ...(this.signal === undefined ? {} : { signal: this.signal }) });
    } catch (error) {
      throw (this.#failure = this.#typedError(error));
    }
    if (response.ok) return response;
    await response.body?.cancel();
    throw (this.#failure = this.#refusal(response));
  }

  #refusal({ status, headers, url }: Response): HubError {
    const what = repositoryText(this.repository);
    if (status === 401 || status === 403) return new HubAccessError(status, what, this.settings.token !== undefined);
    if (status === 404) {
      const part = { RevisionNotFound: "such revision of ", EntryNotFound: "such file in " }[headers.get("x-error-code") ?? ""] ?? "";
      return new HubNotFoundError(`${part}${what}`);
    }
    return new HubResponseError(`The hub answered ${status} for ${new URL(url).pathname}.`, status);
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
    if (error instanceof TypeError) return new HubUnreachableError(this.settings.endpoint, error);
    return new HubResponseError(`The hub's answer is not understood: ${error instanceof Error ? error.message : String(error)}.`, undefined, error);
  }

  #page(): string {
    return `${this.settings.endpoint}/${this.repository.type === "dataset" ? "datasets/" : ""}${this.repository.name}`;
  }
}
