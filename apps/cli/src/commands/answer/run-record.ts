import { accessSync, constants } from "node:fs";
import { dirname, resolve } from "node:path";
import { FileWriteError, writeFileWhole } from "@elastic-attention/core";
import { type Engine, type GenerationRequest, RequestRecorder } from "@elastic-attention/generation";

/** A run that is written down for the inspector: every event of its engine is taken down. */
export interface RunRecord extends Pick<Engine, "generate"> {
  /** Writes what has been taken down, also of a run that failed or was aborted. @throws FileWriteError */
  write(): void;
}

/** @throws FileWriteError before anything is computed where the file's folder cannot be written; InvalidRequestError, TokenizerError */
export async function openRecord(file: string, engine: Engine, request: GenerationRequest): Promise<RunRecord> {
  try {
    accessSync(dirname(resolve(file)), constants.W_OK);
  } catch (cause) {
    throw new FileWriteError(file, cause);
  }
  const recorder = new RequestRecorder(engine.model, request, await engine.pieces(await engine.tokenize(request)));
  return {
    generate: (asked) => recorder.record(engine.generate(asked)),
    write: () => writeFileWhole(file, `${JSON.stringify(recorder.recording)}\n`),
  };
}
