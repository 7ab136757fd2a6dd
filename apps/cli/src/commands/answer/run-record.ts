import { accessSync, constants } from "node:fs";
import { dirname, resolve } from "node:path";
import { FileWriteError, writeFileWhole } from "@elastic-attention/core";
import { type Engine, type GenerationRequest, type ModelDescription, readPrompt, RequestRecorder, tokenTexts } from "@elastic-attention/generation";
import { openTokenizer } from "../../engine/open-tokenizer.js";

/** A run that is written down for the inspector. */
export interface RunRecord {
  /** The engine, every event of which is taken down. */
  recorded(engine: Engine): Pick<Engine, "generate">;
  /** Writes what has been taken down, also of a run that failed or was aborted. @throws FileWriteError */
  write(): void;
}

/** @throws FileWriteError before anything is computed where the file's folder cannot be written; the errors of opening a tokenizer */
export async function openRecord(
  file: string,
  { model }: { readonly model?: string },
  description: ModelDescription,
  request: GenerationRequest & { readonly signal: AbortSignal },
): Promise<RunRecord> {
  try {
    accessSync(dirname(resolve(file)), constants.W_OK);
  } catch (cause) {
    throw new FileWriteError(file, cause);
  }
  const { tokenizer } = await openTokenizer(model, true, request.signal);
  const { tokens } = readPrompt(request, tokenizer);
  const recorder = new RequestRecorder(description, request, tokenTexts(tokenizer, tokens));
  return {
    recorded: (engine) => ({ generate: (asked) => recorder.record(engine.generate(asked)) }),
    write: () => writeFileWhole(file, `${JSON.stringify(recorder.recording)}\n`),
  };
}
