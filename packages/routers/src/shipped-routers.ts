import { fileURLToPath } from "node:url";
import { UnknownNameError } from "@elastic-attention/core";
import type { KnownRouters } from "@elastic-attention/transformer";

/** Trained routers of a checkpoint, one file for each share of sparse heads they were trained to. */
export interface ShippedRouters {
  /** The checkpoint, as it is published. */
  readonly checkpoint: string;
  /** Its `checkpointHash`: that of its last norm, whatever format its matrices are in. */
  readonly hash: string;
  /** Mean share of sparse heads over the tasks that they were trained on, and the file. */
  readonly files: readonly { readonly sparsity: number; readonly file: string }[];
}

/** What comes with this package; of the files of a checkpoint the first is found by itself. */
export const shippedRouters: readonly ShippedRouters[] = [
  {
    checkpoint: "SmolLM2-135M-Instruct",
    hash: "b1c3b88d13d30d19",
    files: [{ sparsity: 0.8, file: "smollm2-135m-instruct/routers-0.80.safetensors" }],
  },
];

/**
 * The file of routers of a checkpoint, to be named as `routers` when the model is loaded (`--router` on the command line).
 *
 * @param sparsity of those that were trained to several shares; default: the first
 * @returns an absolute path
 * @throws UnknownNameError for a checkpoint or share without routers
 */
export function routersFor(checkpoint: string, sparsity?: number): string {
  const found = shippedRouters.find((each) => each.checkpoint.toLowerCase() === checkpoint.toLowerCase());
  if (found === undefined) throw new UnknownNameError("checkpoint with routers", checkpoint, shippedRouters.map((each) => each.checkpoint));
  const file = sparsity === undefined ? found.files[0]! : found.files.find((each) => each.sparsity === sparsity);
  if (file === undefined) throw new UnknownNameError("share of sparse heads", String(sparsity), found.files.map((each) => String(each.sparsity)));
  return pathOf(file.file);
}

/** What a loader takes: a checkpoint's name and hash, and the file that is found by itself. */
export function knownRouters(): KnownRouters[] {
  return shippedRouters.map(({ checkpoint, hash, files }) => ({ name: checkpoint, hash, path: pathOf(files[0]!.file) }));
}

function pathOf(file: string): string {
  // Sources lie in src/ and builds in dist/, both one level below the package, beside routers/.
  return fileURLToPath(new URL(`../routers/${file}`, import.meta.url));
}
