import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { CheckpointLayoutError } from "@elastic-attention/core";
import type { GgufFile } from "./gguf-file.js";

/** name-00001-of-00003.gguf */
const partName = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/;

/**
 * The parts of a model of which `path` is one, in order; the path alone where its name is no part's.
 * @throws CheckpointLayoutError for a name that counts wrongly and for a missing part
 */
export function partPaths(path: string): readonly string[] {
  const match = partName.exec(basename(path));
  if (match === null) return [path];
  const [, stem, number, count] = match;
  if (Number(number) < 1 || Number(number) > Number(count)) {
    throw new CheckpointLayoutError(`${path} is named as part ${Number(number)} of ${Number(count)}.`);
  }
  return Array.from({ length: Number(count) }, (_, index) => {
    const part = join(dirname(path), `${stem}-${String(index + 1).padStart(5, "0")}-of-${count}.gguf`);
    if (!existsSync(part)) throw new CheckpointLayoutError(`${path} is one of ${Number(count)} parts, of which ${basename(part)} is missing.`);
    return part;
  });
}

/** Every part says which one it is, and all together have the tensors that they should. @throws CheckpointLayoutError, GgufMetadataError */
export function checkParts(files: readonly GgufFile[]): void {
  for (const [index, file] of files.entries()) {
    const { metadata, path } = file;
    const count = metadata.count("split.count", files.length === 1 ? 1 : 0);
    // A whole file may say that it is the only part, or say 0.
    if (files.length === 1 && count <= 1) continue;
    if (count !== files.length) {
      throw new CheckpointLayoutError(
        `${path} is one of ${count} parts by its split.count, but one of ${files.length} by its name.`,
        "Give the parts back the names that they had: name-00001-of-0000N.gguf.",
      );
    }
    const number = metadata.count("split.no", -1);
    if (number !== index) {
      throw new CheckpointLayoutError(`${path} is part ${number + 1} by its split.no, but part ${index + 1} by its name.`);
    }
    if (metadata.has("split.tensors.count")) {
      const expected = metadata.count("split.tensors.count");
      const found = files.reduce((sum, part) => sum + part.tensors.size, 0);
      if (found !== expected) throw new CheckpointLayoutError(`${path} says that all parts have ${expected} tensors, but they have ${found}.`);
    }
  }
}
