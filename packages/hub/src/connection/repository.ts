import { HubRequestError } from "@elastic-attention/core";

/** A repository of the hub: `{ type: "dataset", name: "zai-org/LongBench" }`. */
export interface Repository {
  readonly type: "model" | "dataset";
  /** Owner and name, or the name alone for old models without an owner. */
  readonly name: string;
}

/** Forty hexadecimal digits: one state of a repository, for ever. */
export const commitPattern = /^[0-9a-f]{40}$/;

/** "dataset zai-org/LongBench". */
export function repositoryText({ type, name }: Repository): string {
  return `${type} ${name}`;
}

/** Names become parts of addresses and of paths on the disk. @throws HubRequestError */
export function checkRepository({ name }: Repository): void {
  // Two dashes divide owner and name in the cache.
  if (/^[\w.-]{1,96}(\/[\w.-]{1,96})?$/.test(name) && !/--|\.\./.test(name) && !name.split("/").includes(".")) return;
  throw new HubRequestError(`"${name}" is no name of a repository.`, 'Expected "owner/name".');
}

/** @throws HubRequestError for a branch, tag or commit that would leave its folder in the cache */
export function checkRevision(revision: string): void {
  if (/^[\w./-]+$/.test(revision) && isInside(revision)) return;
  throw new HubRequestError(`"${revision}" is no revision.`, "Name a branch, a tag or a commit.");
}

/** @throws HubRequestError for a path that would leave its folder */
export function checkRepositoryPath(path: string): void {
  if (isInside(path)) return;
  throw new HubRequestError(`"${path}" is no path in a repository.`, "Paths are relative, with forward slashes, and never go up.");
}

/** Whether a relative path stays below where it starts, on any system. */
export function isInside(path: string): boolean {
  if (/[\\\p{Cc}]|^[a-zA-Z]:/u.test(path)) return false;
  return path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}
