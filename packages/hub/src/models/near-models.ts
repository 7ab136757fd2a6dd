import { editDistance, HubAccessError, type HubError, HubNotFoundError, HubOfflineError, HubUnreachableError, recordError, reviveError } from "@elastic-attention/core";
import { cachedModelNames } from "../cache/cached-models.js";
import { HubConnection } from "../connection/hub-connection.js";
import type { HubSettings } from "../connection/hub-settings.js";

/** How many names are suggested, and how many are listed where the hub is out of reach. */
const [suggested, listed] = [3, 10];

/**
 * An error about a model with what helps further: names like the wanted one where there is no such model, what the cache has
 * where the hub is out of reach.
 */
export async function withSuggestions(error: unknown, name: string, settings: HubSettings, signal?: AbortSignal): Promise<unknown> {
  if (HubOfflineError.isInstance(error) || HubUnreachableError.isInstance(error)) return withHint(error, await cacheText(settings.cacheFolder));
  const unknown = HubNotFoundError.isInstance(error) || (HubAccessError.isInstance(error) && !error.gated);
  if (!unknown) return error;
  const known = await Promise.all([cachedModelNames(settings.cacheFolder), searchHub(name, settings, signal)]);
  const near = nearModels(name, known.flat());
  return near.length === 0 ? error : withHint(error, `Did you mean ${near.join(", ")}?`);
}

/** The known names that are most like another one, the best first. */
export function nearModels(name: string, known: readonly string[]): string[] {
  const wanted = name.toLowerCase();
  return Array.from(new Set(known))
    .filter((each) => each !== name)
    .map((each) => ({ each, distance: distance(wanted, each.toLowerCase()) }))
    .filter(({ each, distance }) => distance <= Math.max(2, Math.ceil(each.length / 3)))
    .toSorted((left, right) => left.distance - right.distance || (left.each < right.each ? -1 : 1))
    .slice(0, suggested)
    .map(({ each }) => each);
}

/** The right name under another owner is near, however long the owners' names are. */
function distance(wanted: string, known: string): number {
  const [last, knownLast] = [wanted, known].map((name) => name.split("/").at(-1)!);
  return Math.min(editDistance(wanted, known), editDistance(last!, knownLast!) + 1);
}

/** "In the cache /x: a/b, c/d." */
export async function cacheText(cacheFolder: string): Promise<string> {
  const names = await cachedModelNames(cacheFolder);
  if (names.length === 0) return `The cache ${cacheFolder} has no models.`;
  const more = names.length > listed ? ` and ${names.length - listed} more (elastic-attention list)` : "";
  return `The cache ${cacheFolder} has ${names.slice(0, listed).join(", ")}${more}.`;
}

/** Nothing where the search fails: another error is being told. */
async function searchHub(name: string, settings: HubSettings, signal?: AbortSignal): Promise<string[]> {
  const hub = new HubConnection(settings, { type: "model", name }, signal);
  const [owner, last] = name.split("/") as [string, string];
  const found = await Promise.allSettled([hub.search({ query: last }, 20), hub.search({ owner }, 100)]);
  return found.flatMap((result) => (result.status === "fulfilled" ? result.value : []));
}

/** The same error with a longer hint. */
function withHint(error: HubError, more: string): Error {
  const record = recordError(error);
  const [message, hint] = record.hint === undefined ? [`${record.message}\n  hint: ${more}`, more] : [`${record.message} ${more}`, `${record.hint} ${more}`];
  return Object.assign(reviveError({ ...record, message, hint })!, { cause: error.cause });
}
