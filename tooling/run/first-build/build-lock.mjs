import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { root } from "../esbuild.mjs";

const lockFile = join(root, "build", "first-build.lock");

/** Runs `work` while no other process of this workspace builds; a lock whose process has gone is taken over. */
export async function whileLocked(work) {
  mkdirSync(join(root, "build"), { recursive: true });
  while (!take()) await delay(200);
  const release = () => rmSync(lockFile, { force: true });
  process.once("exit", release);
  try {
    return await work();
  } finally {
    process.off("exit", release);
    release();
  }
}

function take() {
  try {
    writeFileSync(lockFile, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
    if (!holderLives()) rmSync(lockFile, { force: true });
    return false;
  }
}

function holderLives() {
  try {
    process.kill(Number(readFileSync(lockFile, "utf8")) || process.pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}
