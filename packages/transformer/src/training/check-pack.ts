import { ElasticAttentionError, TrainingPackError } from "@elastic-attention/core";
import { pooledRanges } from "@elastic-attention/router";
import type { ModelSpec } from "../model/model-spec.js";
import type { TrainingPack } from "./training-step.js";

/** Everything that can be known of a pack before any work. @throws TrainingPackError naming the segment or the row */
export function checkPack({ tokens, offsets, targets, pooledRanges: ranges }: TrainingPack, spec: ModelSpec): void {
  const rows = tokens.length;
  if (offsets.length < 2 || offsets[0] !== 0 || offsets.at(-1) !== rows) {
    throw new TrainingPackError(`Offsets must run from 0 to the ${rows} rows of the pack, found [${offsets.join(", ")}].`);
  }
  if (targets.length !== rows) throw new TrainingPackError(`${targets.length} targets for ${rows} rows.`);
  if (ranges.length !== offsets.length - 1) {
    throw new TrainingPackError(`Pooled ranges of ${ranges.length} segments in a pack of ${offsets.length - 1}.`);
  }
  for (let segment = 0; segment + 1 < offsets.length; segment++) {
    const [start, end] = [offsets[segment]!, offsets[segment + 1]!];
    if (!(Number.isInteger(end) && end > start)) throw new TrainingPackError(`Segment ${segment} is empty (rows ${start} to ${end}).`);
    if (end - start > spec.contextLength) {
      throw new TrainingPackError(`Segment ${segment} has ${end - start} tokens; the model's context is ${spec.contextLength}.`);
    }
    checkRanges(ranges, segment, start, end);
  }
  for (let row = 0; row < rows; row++) {
    const [id, target] = [tokens[row]!, targets[row]!];
    if (!(id >= 0 && id < spec.vocabularySize)) {
      throw new TrainingPackError(`Token id ${id} of row ${row} is outside the vocabulary of ${spec.vocabularySize}.`);
    }
    if (target >= spec.vocabularySize) {
      throw new TrainingPackError(`Target ${target} of row ${row} is outside the vocabulary of ${spec.vocabularySize}.`);
    }
  }
  if (!targets.some((target) => target >= 0)) {
    throw new TrainingPackError("No row of the pack has a target.", "Give each row the token that follows it.");
  }
}

function checkRanges(ranges: TrainingPack["pooledRanges"], segment: number, start: number, end: number): void {
  try {
    pooledRanges({ kind: "ranges", ranges }, start, end, segment);
  } catch (error) {
    if (!ElasticAttentionError.isInstance(error)) throw error;
    throw new TrainingPackError(error.message);
  }
}
