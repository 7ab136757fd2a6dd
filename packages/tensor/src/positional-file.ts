import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { DisposedError, ShapeError } from "@elastic-attention/core";

/** Opening a named pipe must not wait for a writer that never comes; Windows has no such flag. */
const nonBlocking = constants.O_NONBLOCK ?? 0;

/** One read call takes at most this much: the system's own limit is just below 2 GiB. */
const maxReadBytes = 1 << 30;

/** Bytes that are read by position. */
export interface ByteSource {
  /** Its name, for error messages. */
  readonly path: string;
  /** Bytes of the whole. */
  readonly size: number;
  /** The open file, for those who read by themselves. @throws DisposedError where there is none */
  readonly descriptor: number;
  /** Fills `target` from a position; returns how many bytes there were. */
  readInto(target: Uint8Array, position: number): number;
  close(): void;
}

/** The first bytes of a file that is not here: beyond them it reads nothing. */
export class FileBeginning implements ByteSource {
  constructor(
    readonly path: string,
    readonly size: number,
    private readonly bytes: Uint8Array,
  ) {}

  get descriptor(): number {
    throw new DisposedError(this.path);
  }

  readInto(target: Uint8Array, position: number): number {
    const part = this.bytes.subarray(position, position + target.length);
    target.set(part);
    return part.length;
  }

  close(): void {}
}

/** A regular file that is read by position, at any offset, also beyond 2 GiB. */
export class PositionalFile implements ByteSource, Disposable {
  private constructor(
    readonly path: string,
    /** Bytes of the file when it was opened. */
    readonly size: number,
    private open: number | undefined,
  ) {}

  /** Undefined for what is no regular file: a folder, a pipe, a device. @throws the system's error (ENOENT, …) */
  static open(path: string): PositionalFile | undefined {
    const descriptor = openSync(path, constants.O_RDONLY | nonBlocking);
    try {
      const status = fstatSync(descriptor);
      if (status.isFile()) return new PositionalFile(path, status.size, descriptor);
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
    closeSync(descriptor);
    return undefined;
  }

  /** The open file, for those who read by themselves; valid until it is closed. @throws DisposedError */
  get descriptor(): number {
    if (this.open === undefined) throw new DisposedError(this.path);
    return this.open;
  }

  /** Fills `target` from a position; returns how many bytes there were, fewer than asked for only at the file's end. */
  readInto(target: Uint8Array, position: number): number {
    let done = 0;
    while (done < target.length) {
      const count = readSync(this.descriptor, target, done, Math.min(maxReadBytes, target.length - done), position + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  close(): void {
    if (this.open !== undefined) closeSync(this.open);
    this.open = undefined;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** A part of a tensor's bytes; an `end` beyond it is its end. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Where a range of a tensor begins and how long it is. @throws ShapeError for what begins before the tensor or is no range */
export function rangeWithin(name: string, byteLength: number, range: ByteRange | undefined): { start: number; length: number } {
  if (range === undefined) return { start: 0, length: byteLength };
  const end = Math.min(range.end, byteLength);
  if (!(Number.isSafeInteger(range.start) && Number.isSafeInteger(end) && range.start >= 0 && range.start <= range.end)) {
    throw new ShapeError(`${range.start} to ${range.end} is not a range of the ${byteLength} bytes of "${name}".`);
  }
  return { start: range.start, length: Math.max(0, end - range.start) };
}
