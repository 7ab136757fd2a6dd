import { dirname } from "node:path";
import { EvaluationError } from "@elastic-attention/core";
import type { Communicator } from "@elastic-attention/distributed";
import { type EvaluationSuite, findSuite, type HubSource, suiteNames, type SuiteOptions } from "@elastic-attention/evaluation";
import { fetchArchive, fetchFiles, hashText, type Snapshot } from "@elastic-attention/hub";
import { Progress } from "../../terminal/progress.js";

/** What a suite reads, and what the report says of it. */
interface Fetched {
  /** The file, or the folder of an archive. */
  readonly path: string;
  readonly snapshot: Snapshot;
}

/**
 * Data of suites from the hub, each fetched once. Rank 0 asks the hub; the others take the commit that it found, from the same
 * cache, or fetch it themselves where theirs is another.
 */
export class HubData {
  readonly #fetched = new Map<HubSource, Promise<Fetched>>();
  readonly #descriptions: Record<string, string> = {};

  /**
   * @param revisions commit, branch or tag by data set, instead of the suites' own
   * @param namedFiles roles of files that the user names; they are not fetched
   * @param say undefined: nothing is printed
   */
  constructor(
    private readonly communicator: Communicator,
    private readonly revisions: Readonly<Record<string, string>>,
    private readonly namedFiles: readonly string[],
    private readonly say: ((text: string) => void) | undefined,
    private readonly signal: AbortSignal,
  ) {}

  /** By suite: data sets, commits and hashes, all that is needed to have the same data again. */
  get descriptions(): Readonly<Record<string, string>> {
    return this.#descriptions;
  }

  /** For `planSuites`. @throws HubError */
  async provide(suite: EvaluationSuite, tasks: readonly string[]): Promise<Pick<SuiteOptions, "dataDirectory" | "files">> {
    const sources = (suite.hubSources ?? []).filter(({ role, tasks: needing }) => {
      return !(role !== undefined && this.namedFiles.includes(role)) && (needing?.some((task) => tasks.includes(task)) ?? true);
    });
    const files: Record<string, string> = {};
    const descriptions: string[] = [];
    let dataDirectory: string | undefined;
    for (const source of sources) {
      const { path, snapshot } = await this.#fetchOnce(source);
      if (source.role === undefined) dataDirectory = path;
      else files[source.role] = path;
      descriptions.push(describe(source, snapshot));
    }
    if (descriptions.length > 0) this.#descriptions[suite.name] = descriptions.join("; ");
    return { files, ...(dataDirectory === undefined ? {} : { dataDirectory }) };
  }

  /** Suites that share a file share its description. */
  async #fetchOnce(source: HubSource): Promise<Fetched> {
    let fetched = this.#fetched.get(source);
    if (fetched === undefined) this.#fetched.set(source, (fetched = this.#fetchOnRanks(source)));
    return fetched;
  }

  async #fetchOnRanks(source: HubSource): Promise<Fetched> {
    const revision = this.revisions[source.dataset] ?? source.revision ?? "main";
    const { rank, size } = this.communicator;
    const first = rank === 0 ? await this.#fetch(source, revision, "hash") : undefined;
    if (size === 1) return first!;
    const commit = await this.communicator.broadcast(new TextEncoder().encode(first?.snapshot.commit ?? ""), 0);
    return first ?? this.#fetch(source, new TextDecoder().decode(commit), "size");
  }

  async #fetch({ dataset, file, archive, role }: HubSource, revision: string, verify: "hash" | "size"): Promise<Fetched> {
    using fetching = new Progress(`Fetching ${file}`, megabytes);
    using unpacking = new Progress(`Unpacking ${file}`, megabytes);
    const request = {
      repository: { type: "dataset", name: dataset },
      revision,
      verify,
      signal: this.signal,
      ...(this.say === undefined ? {} : { onProgress: ({ done, total }: { done: number; total: number }) => fetching.update(done, total) }),
    } as const;
    let snapshot: Snapshot;
    let path: string;
    if (archive === true) {
      const onUnpack = (done: number, total: number) => {
        fetching[Symbol.dispose]();
        unpacking.update(done, total);
      };
      const unpacked = await fetchArchive({ ...request, archive: file, ...(this.say === undefined ? {} : { onUnpack }) });
      [snapshot, path] = [unpacked, unpacked.unpacked];
    } else {
      snapshot = await fetchFiles({ ...request, files: [file] });
      const { location } = snapshot.files[0]!;
      path = role === undefined ? dirname(location) : location;
    }
    const state = snapshot.current ? "" : "; the hub cannot be reached, this is what was fetched before";
    this.say?.(`Data: ${file} of ${dataset} at ${snapshot.commit}${state}`);
    return { path, snapshot };
  }
}

/**
 * `dataset=commit` pairs.
 *
 * @throws EvaluationError for what is no pair, and for a data set that no suite reads
 */
export function namedRevisions(pairs: readonly string[]): Record<string, string> {
  const known = Array.from(new Set(suiteNames().flatMap((name) => findSuite(name).hubSources ?? []).map(({ dataset }) => dataset)));
  return Object.fromEntries(
    pairs.map((pair) => {
      const [, dataset, revision] = /^([^=]+)=(.+)$/.exec(pair) ?? [];
      if (dataset === undefined || !known.includes(dataset)) {
        throw new EvaluationError(`--data-revision takes dataset=commit, found "${pair}".`, `Data sets: ${known.join(", ")}.`);
      }
      return [dataset, revision!];
    }),
  );
}

function describe({ dataset, file }: HubSource, { commit, files }: Snapshot): string {
  return `${dataset} ${file} at ${commit}, ${hashText(files[0]!.hash)}`;
}

function megabytes(done: number, total: number): string {
  return `${(done / 1e6).toFixed(1)} MB of ${(total / 1e6).toFixed(1)} MB`;
}
