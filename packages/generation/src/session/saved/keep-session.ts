import { InvalidRequestError, OutOfMemoryError } from "@elastic-attention/core";
import type { EngineContext } from "../../engine-context.js";
import { missingBytes } from "../../schedule/decide-step.js";
import type { SessionState } from "../session-store.js";
import { readSession, writeSession } from "./saved-session.js";

type SavedParts = Pick<EngineContext, "choice" | "sessions" | "prefixes">;

/** Writes an idle session to a folder; it stays. @throws InvalidRequestError for one that is not there or is answering; FileWriteError */
export function saveSession({ choice, sessions }: SavedParts, name: string, folder: string): void {
  const state = sessions.peek(name);
  if (state === undefined) {
    throw new InvalidRequestError(`Session ${JSON.stringify(name)} cannot be saved: it is not there, or it is answering a request.`, "Save it between two of its turns.");
  }
  writeSession(folder, name, state, choice.model);
}

/**
 * Reads a session from a folder; on a failure what was there under its name stays.
 * @throws SavedSessionError, OutOfMemoryError; InvalidRequestError while a turn of the session runs
 */
export function restoreSession(parts: SavedParts, name: string, folder: string): void {
  const { sessions } = parts;
  sessions.begin(name);
  let state: SessionState | undefined;
  try {
    state = readWithRoom(parts, name, folder);
  } finally {
    sessions.end(name, state);
  }
}

/** Cached prefixes make room where it is lacking. */
function readWithRoom({ choice, prefixes }: SavedParts, name: string, folder: string): SessionState {
  for (;;) {
    try {
      return readSession(folder, name, choice.model);
    } catch (error) {
      if (!OutOfMemoryError.isInstance(error) || prefixes.evict(missingBytes(error)) === 0) throw error;
    }
  }
}
