import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import type { SequenceCache } from "@elastic-attention/attention";
import { registerModelFamilies } from "@elastic-attention/model-families";
import { registerLlama } from "@elastic-attention/model-llama";
import { registerQwen } from "@elastic-attention/model-qwen";
import type { SafetensorsFile } from "@elastic-attention/tensor";
import type { PretrainedModel } from "@elastic-attention/transformer";

registerLlama();
registerQwen();
registerModelFamilies();

const root = fileURLToPath(new URL("../../../", import.meta.url));
const shared = process.env["ELASTIC_ATTENTION_SHARED"] ?? join(root, "../shared");

/** Folder of a golden case: two are in the repository, the others where the shared fixtures are at hand. */
export function fixtureFolder(name: string): string | undefined {
  const own = fileURLToPath(new URL("../fixtures/", import.meta.url));
  const folder = [join(own, name), join(shared, "fixtures", name)].find((candidate) => existsSync(candidate));
  return folder === undefined ? undefined : unpacked(folder);
}

const unpackedFolders = new Map<string, string>();

/** A folder whose files are as models have them: where the repository keeps one compressed, a copy of it until the process ends. */
function unpacked(folder: string): string {
  const names = readdirSync(folder);
  if (!names.some((name) => name.endsWith(".gz"))) return folder;
  const known = unpackedFolders.get(folder);
  if (known !== undefined) return known;
  const copy = mkdtempSync(join(tmpdir(), "golden-case-"));
  process.once("exit", () => rmSync(copy, { recursive: true, force: true }));
  for (const name of names) {
    if (name.endsWith(".gz")) writeFileSync(join(copy, name.slice(0, -3)), gunzipSync(readFileSync(join(folder, name))));
    else copyFileSync(join(folder, name), join(copy, name));
  }
  unpackedFolders.set(folder, copy);
  return copy;
}

/** Path of a shared data folder, undefined where it is not at hand. */
export function sharedData(name: string): string | undefined {
  const folder = join(shared, "data", name);
  return existsSync(folder) ? folder : undefined;
}

/** One tensor of a case file as numbers. */
export function caseNumbers(file: SafetensorsFile, name: string): Float32Array {
  const { type } = file.entry(name);
  const bytes = file.read(name);
  switch (type) {
    case "F32":
      return new Float32Array(bytes.buffer);
    case "I64":
      return Float32Array.from(new BigInt64Array(bytes.buffer), Number);
    case "I32":
      return Float32Array.from(new Int32Array(bytes.buffer));
    case "U8":
    case "BOOL":
      return Float32Array.from(bytes);
    default:
      throw new Error(`case tensor ${name} is ${type}`);
  }
}

/** max |a - b| / max |b|. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Infinity;
  let [error, largest] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i]! - expected[i]!);
    error = Number.isNaN(difference) ? Infinity : Math.max(error, difference);
    largest = Math.max(largest, Math.abs(expected[i]!));
  }
  return error / largest;
}

/** The tokens with the highest logits, one after the other, behind a prompt. */
export async function greedyTokens(model: PretrainedModel, cache: SequenceCache, prompt: ArrayLike<number>, count: number): Promise<number[]> {
  const produced: number[] = [];
  const { logits } = await model.decoder.prefill({ sequences: [{ tokens: Array.from(prompt), cache }] });
  for (let next = logits; ; ) {
    using owned = next;
    const row = owned.toFloat32();
    let best = 0;
    for (let i = 1; i < row.length; i++) if (row[i]! > row[best]!) best = i;
    produced.push(best);
    if (produced.length === count) return produced;
    next = model.decoder.decode([best], [cache]);
  }
}
