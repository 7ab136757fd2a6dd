import { HubRequestError } from "@elastic-attention/core";
import { checkRepository, checkRepositoryPath, checkRevision } from "../connection/repository.js";

/** A model of the hub: `org/name[@revision][:file or quantisation]`. */
export interface HubModelName {
  /** "org/name". */
  readonly repository: string;
  /** Branch, tag or commit; undefined: the main branch. */
  readonly revision: string | undefined;
  /** One file of the repository, or a quantisation such as Q4_K_M. */
  readonly selector: string | undefined;
}

/** What a user means by the name of a model. */
export type ModelName = { readonly kind: "path"; readonly path: string } | ({ readonly kind: "hub" } & HubModelName);

/**
 * Reads the name of a model, without a look at the disk. What looks like a path never goes to the hub: it begins with a dot, a
 * slash or `~`, has a backslash, ends in .gguf or .safetensors, or has other than one slash.
 *
 * @throws HubRequestError for a name of the hub with an impossible repository, revision or file
 */
export function parseModelName(text: string): ModelName {
  if (/^https?:\/\//i.test(text)) {
    throw new HubRequestError(`${JSON.stringify(text)} is an address, not the name of a model.`, "Name it owner/name, and set HF_ENDPOINT for another hub than huggingface.co.");
  }
  const [, repository, revision, selector] = /^([^@:]*)(?:@([^:]*))?(?::(.*))?$/s.exec(text) ?? [];
  const path = { kind: "path", path: text } as const;
  if (repository === undefined || looksLikePath(text, repository)) return path;
  checkRepository({ type: "model", name: repository });
  if (revision !== undefined) checkRevision(revision);
  if (selector !== undefined) checkSelector(selector);
  return { kind: "hub", repository, revision, selector };
}

/** "org/name@v1:Q4_K_M". */
export function modelNameText({ repository, revision, selector }: HubModelName): string {
  return `${repository}${revision === undefined ? "" : `@${revision}`}${selector === undefined ? "" : `:${selector}`}`;
}

function looksLikePath(text: string, repository: string): boolean {
  if (/^[./~]|^[a-z]:[\\/]/i.test(text)) return true;
  if (repository.includes("\\") || repository.split("/").length !== 2) return true;
  return /\.(gguf|safetensors)$/i.test(repository);
}

function checkSelector(selector: string): void {
  checkRepositoryPath(selector);
  if (/^[\w./ +-]+$/.test(selector)) return;
  throw new HubRequestError(`"${selector}" is neither a file nor a quantisation.`, "Behind the colon stands a file of the repository, or a quantisation such as Q4_K_M.");
}
