import { FileWriteError, SavedSessionError } from "@elastic-attention/core";
import { z } from "zod";
import { ApiError } from "../errors/api-error.js";
import type { App } from "../http/app.js";
import type { ServerContext } from "../server-context.js";
import { ownedSession } from "./owned-session.js";

const params = z.object({ name: z.string().min(1).max(200) });

/**
 * Conversations to disk and back, under the folder that the server was started with. A name is never a path: files are named
 * by its digest.
 */
export function sessionRoutes(app: App, { engine, options }: ServerContext): void {
  const tags = ["Sessions"];
  const folder = (): string => {
    if (options.sessionFolder !== undefined) return options.sessionFolder;
    throw new ApiError("This server keeps no sessions on disk: it was started without a folder for them.", { status: 400, type: "invalid_request_error", code: "no_session_folder" });
  };
  app.post("/v1/elastic/sessions/:name/save", { schema: { params, tags, summary: "Write a conversation to disk, between two of its turns" } }, async ({ params: { name }, keyOwner }) => {
    await withoutPaths(() => engine.saveSession(ownedSession(keyOwner, name), folder()));
    return { object: "session", name, status: "saved" };
  });
  app.post("/v1/elastic/sessions/:name/restore", { schema: { params, tags, summary: "Read a conversation back" } }, async ({ params: { name }, keyOwner }) => {
    await withoutPaths(() => engine.restoreSession(ownedSession(keyOwner, name), folder()));
    return { object: "session", name, status: "restored" };
  });
  app.delete("/v1/elastic/sessions/:name", { schema: { params, tags, summary: "Forget a conversation; what was saved of it stays" } }, async ({ params: { name }, keyOwner }) => {
    await engine.closeSession(ownedSession(keyOwner, name));
    return { object: "session", name, status: "closed" };
  });
}

/** Where a server keeps its files is nobody's business. */
async function withoutPaths(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (SavedSessionError.isInstance(error)) {
      const problem = error.message.split("\n")[0]!.slice(error.path.length).trim();
      throw new ApiError(`The session cannot be restored: its file ${problem}`, { status: problem.startsWith("is not there") ? 404 : 400, type: "invalid_request_error", code: "session_not_restored" }, error);
    }
    if (FileWriteError.isInstance(error)) throw new ApiError("The session cannot be written to disk; the server's log says why.", { status: 500, type: "server_error", code: "session_not_saved" }, error);
    throw error;
  }
}
