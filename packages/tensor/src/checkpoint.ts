import type { ScaledMatrix } from "./operations/linear/scaled-matrix.js";
import type { ByteRange } from "./positional-file.js";

/** A tensor of a checkpoint. */
export interface CheckpointEntry {
  readonly name: string;
  /** Its element type or weight format, by name: BF16, F32, Q4_K, … */
  readonly type: string;
  /** Rows first. */
  readonly shape: readonly number[];
  readonly byteLength: number;
}

/** The tensors of a model under one roof, whatever kind of file they are in. */
export interface Checkpoint extends Disposable {
  /** The file or folder that was opened. */
  readonly path: string;
  readonly names: IterableIterator<string>;
  /** Bytes of all tensors. */
  readonly byteLength: number;
  has(name: string): boolean;
  /** @throws MissingTensorError */
  entry(name: string): CheckpointEntry;
  /** Bytes of a tensor in its own type, aligned for any typed array, or of a range within it. @throws MissingTensorError, ShapeError, DisposedError */
  read(name: string, range?: ByteRange): Uint8Array;
  /**
   * Where `read` takes a tensor's bytes from, for those who read them by themselves (`Backend.readFile`); undefined where
   * they lie in another order in the file. Valid until the checkpoint is closed. @throws MissingTensorError, DisposedError
   */
  locate(name: string): { readonly descriptor: number; readonly position: number } | undefined;
  /** A matrix whose scales lie beside its numbers, as kernels take it; undefined for others. `entry` and `read` give its values in float32. */
  scaled?(name: string): StoredScaledMatrix | undefined;
  close(): void;
}

/** A {@link ScaledMatrix} that is not read yet. */
export interface StoredScaledMatrix extends Pick<ScaledMatrix, "format" | "rows" | "columns" | "blockRows" | "blockColumns"> {
  read(): ScaledMatrix;
}
