import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterEach } from "vitest";
import { FakeHub, type FakeRepositories } from "../src/fake-hub/fake-hub.js";

const folders: string[] = [];
const hubs: FakeHub[] = [];
afterEach(async () => {
  for (const hub of hubs.splice(0)) await hub[Symbol.asyncDispose]();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A folder that is gone after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "hub-"));
  folders.push(folder);
  return folder;
}

/** A hub that is gone after the test, and settings for it with an empty cache. */
export async function startHub(repositories: FakeRepositories) {
  const hub = await FakeHub.start(repositories);
  hubs.push(hub);
  return { hub, settings: { endpoint: hub.url, cacheFolder: temporaryFolder(), token: undefined, offline: false } };
}

/** Every file below a folder, as paths from it, sorted. */
export function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .toSorted();
}
