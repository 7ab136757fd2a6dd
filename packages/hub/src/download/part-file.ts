import { randomUUID } from "node:crypto";
import { open, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { orMissing } from "../cache/or-missing.js";

/** A content that is fetched into a part file beside its place. */
export interface PartRequest {
  /** Where the whole content is to be. */
  readonly target: string;
  readonly size: number;
  /** While another process fetches: the bytes that it has. */
  readonly onProgress?: (bytes: number) => void;
  readonly signal?: AbortSignal;
}

/** A part file that this process alone writes to. */
export interface PartFile extends AsyncDisposable {
  readonly path: string;
}

/** How often a writer shows that it is alive, and how long it may be silent before it counts as killed, in milliseconds. */
const [heartbeat, abandonedAfter] = [10_000, 60_000];
/** How often a process looks whether another one has finished, in milliseconds. */
const lookAgain = 250;

const host = hostname().replace(/[^\w-]/g, "_");

/**
 * Waits until no other process fetches the same content, and takes over what was left of it. When the part is disposed of,
 * what is there of it is kept for the next one.
 *
 * @returns undefined where another process has brought the content meanwhile
 */
export async function claimPart({ target, size, onProgress, signal }: PartRequest): Promise<PartFile | undefined> {
  const before = await orMissing(stat(target));
  for (;;) {
    signal?.throwIfAborted();
    const now = await orMissing(stat(target));
    if (now !== undefined && now.size === size && (now.ino !== before?.ino || now.mtimeMs !== before.mtimeMs)) return undefined;
    const others = await partsOf(target);
    const writing = others.find(({ active }) => active);
    if (writing !== undefined) onProgress?.(writing.size);
    else {
      const part = await takePart(target, others);
      if (await isFirst(target, part)) return part;
      await part[Symbol.asyncDispose]();
    }
    await setTimeout(lookAgain, undefined, signal === undefined ? {} : { signal }).catch(() => signal?.throwIfAborted());
  }
}

/** Of several that begin at the same moment the one whose name sorts first goes on, unless another has begun already. */
async function isFirst(target: string, { path }: PartFile): Promise<boolean> {
  const name = basename(path);
  const others = async () => (await partsOf(target)).filter((each) => each.active && each.name !== name);
  const found = await others();
  if (found.length === 0) return true;
  if (found.some((each) => each.name < name)) return false;
  await setTimeout(lookAgain / 2);
  return (await others()).length === 0;
}

/** A part that was left is taken over by renaming it, which succeeds for one process only. */
async function takePart(target: string, left: readonly Part[]): Promise<PartFile> {
  const name = `${basename(target)}.${host}~${process.pid}~${randomUUID()}.incomplete`;
  const path = join(dirname(target), name);
  let claimed = false;
  for (const each of left) {
    const other = join(dirname(target), each.name);
    if (claimed) await rm(other, { force: true });
    else claimed = (await orMissing(rename(other, path).then(() => true))) ?? false;
  }
  const touch = () => void utimes(path, new Date(), new Date()).catch(() => {});
  if (claimed) touch();
  else await (await open(path, "a")).close();
  const timer = setInterval(touch, heartbeat).unref();
  return {
    path,
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      const remains = await orMissing(stat(path));
      // Under the name that says that nobody is writing.
      if (remains?.size === 0) await rm(path, { force: true });
      else if (remains !== undefined) await orMissing(rename(path, `${target}.incomplete`));
    },
  };
}

interface Part {
  readonly name: string;
  readonly size: number;
  /** Somebody writes to it. */
  readonly active: boolean;
}

async function partsOf(target: string): Promise<Part[]> {
  const parts: Part[] = [];
  for (const name of await readdir(dirname(target))) {
    if (!(name.startsWith(`${basename(target)}.`) && name.endsWith(".incomplete"))) continue;
    const found = await orMissing(stat(join(dirname(target), name)));
    if (found === undefined) continue;
    const released = name === `${basename(target)}.incomplete`;
    parts.push({ name, size: found.size, active: !released && Date.now() - found.mtimeMs < abandonedAfter && !wasKilled(name) });
  }
  return parts;
}

/** Whether the writer ran on this machine and is gone. A thread of this process, and other machines, show it by silence. */
function wasKilled(name: string): boolean {
  const [, where, id] = /\.([\w-]+)~(\d+)~[^.]+\.incomplete$/.exec(name) ?? [];
  if (where !== host || id === undefined) return false;
  try {
    process.kill(Number(id), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
