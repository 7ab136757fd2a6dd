import { createHash, type Hash } from "node:crypto";
import { createReadStream, readdirSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { routerFileName } from "@elastic-attention/transformer";

const relevant = /(?:\.safetensors|^config\.json|^generation_config\.json|^tokenizer\.json|^tokenizer_config\.json|^chat_template\..*|^heads\.json)$/;

/**
 * SHA-256 over everything in a model's folder that answers depend on: weights, routers, configs, tokenizer, chat template, head list;
 * each file under its name, in the order of names.
 *
 * @param path folder, or a .safetensors file beside its config
 * @param headList another head list than the folder's
 */
export async function hashModel(path: string, headList?: string, signal?: AbortSignal): Promise<string> {
  const folder = statSync(path).isDirectory() ? path : dirname(path);
  const hash = createHash("sha256");
  for (const name of readdirSync(folder).filter((file) => relevant.test(file)).sort()) {
    if (name.endsWith(".safetensors") && folder !== path && name !== basename(path) && name !== routerFileName) continue;
    await addFile(hash, name, join(folder, name), signal);
  }
  if (headList !== undefined) await addFile(hash, "given heads", headList, signal);
  return hash.digest("hex");
}

/** SHA-256 of one file. */
export async function hashFile(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  await addFile(hash, "", path, signal);
  return hash.digest("hex");
}

async function addFile(hash: Hash, name: string, path: string, signal: AbortSignal | undefined): Promise<void> {
  hash.update(`${name}\n${statSync(path).size}\n`);
  for await (const part of createReadStream(path, { highWaterMark: 1 << 20 })) {
    signal?.throwIfAborted();
    hash.update(part as Buffer);
  }
}
