import { existsSync } from "node:fs";
import { FileWriteError, TrainingCheckpointError } from "@elastic-attention/core";
import { SafetensorsFile, type TensorSource, writeSafetensors } from "@elastic-attention/tensor";

/** Everything that a run goes on from: numbers of progress, and all arrays by name. */
export interface TrainingState {
  /** Steps done. */
  readonly step: number;
  /** Position in the endless order of examples. */
  readonly position: number;
  readonly skipped: number;
  readonly arrays: ReadonlyMap<string, Float32Array>;
}

/** What a checkpoint must agree with before a run goes on from it. */
export interface RunIdentity {
  /** Fingerprint of the model. */
  readonly model: string;
  /** Name of the policy. */
  readonly policy: string;
  /** Settings that decide the course of the run, by key. */
  readonly settings: Readonly<Record<string, unknown>>;
}

const format = "elastic-attention training checkpoint";

/**
 * Writes a checkpoint in one piece or not at all: the old one stays whole until the new one has taken its place.
 * @throws TrainingCheckpointError when the disk is full or the folder cannot be written
 */
export function saveCheckpoint(path: string, state: TrainingState, identity: RunIdentity): void {
  const tensors = new Map<string, TensorSource>();
  for (const [name, values] of state.arrays) {
    tensors.set(name, { type: "F32", shape: [values.length], bytes: () => new Uint8Array(values.buffer, values.byteOffset, values.byteLength) });
  }
  const { step, position, skipped } = state;
  try {
    writeSafetensors(path, tensors, { format, version: "1", progress: JSON.stringify({ step, position, skipped }), identity: JSON.stringify(identity) });
  } catch (cause) {
    const kept = existsSync(path) ? " The checkpoint that was there is unchanged." : "";
    const { problem } = FileWriteError.isInstance(cause) ? cause : new FileWriteError(path, cause);
    throw new TrainingCheckpointError(`Cannot save ${path}: ${problem}.${kept}`, {
      hint: "Make room or name another `output`, then continue with --resume.",
      cause,
    });
  }
}

/**
 * @param expected length of every array that the run resumes, by name
 * @throws TrainingCheckpointError for a damaged file and for one of another model, policy or configuration
 */
export function loadCheckpoint(path: string, identity: RunIdentity, expected: ReadonlyMap<string, { readonly length: number }>): TrainingState {
  try {
    using file = SafetensorsFile.open(path);
    const entry = (key: string) => file.metadata.get(key) ?? "";
    if (entry("format") !== format || entry("version") !== "1") {
      throw new TrainingCheckpointError(`${path} is not a training checkpoint of this version.`);
    }
    checkIdentity(path, JSON.parse(entry("identity")) as RunIdentity, identity);
    const arrays = new Map<string, Float32Array>();
    for (const name of file.tensors.keys()) {
      const bytes = file.read(name);
      arrays.set(name, new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)));
    }
    for (const [name, { length }] of expected) {
      if (arrays.get(name)?.length === length) continue;
      throw new TrainingCheckpointError(`${path} has no "${name}" of ${length} values.`, { hint: "It was cut short or edited; begin again without --resume." });
    }
    return { ...(JSON.parse(entry("progress")) as Omit<TrainingState, "arrays">), arrays };
  } catch (cause) {
    if (TrainingCheckpointError.isInstance(cause)) throw cause;
    throw new TrainingCheckpointError(`Cannot read ${path}: ${(cause as Error).message}`, { hint: "Begin again without --resume.", cause });
  }
}

function checkIdentity(path: string, theirs: RunIdentity, ours: RunIdentity): void {
  if (theirs.model !== ours.model) {
    throw new TrainingCheckpointError(`${path} belongs to another model.`, { hint: "Resume with the model that the run began with, or name another `output`." });
  }
  if (theirs.policy !== ours.policy) {
    throw new TrainingCheckpointError(`${path} trains ${theirs.policy}, this run trains ${ours.policy}.`, { hint: "Name another `output`." });
  }
  const keys = new Set([...Object.keys(theirs.settings), ...Object.keys(ours.settings)]);
  for (const key of keys) {
    const [before, now] = [theirs.settings[key], ours.settings[key]].map((value) => JSON.stringify(value));
    if (before === now) continue;
    throw new TrainingCheckpointError(`${path} was made with ${key} = ${before}, now it is ${now}: the run would not go on as it began.`, {
      hint: `Set \`${key}\` back, or name another \`output\` to begin anew.`,
    });
  }
}
