import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo } from "node:net";
import { existsSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { madeEvents, madeRecording } from "./made-recording.js";

const types: Readonly<Record<string, string>> = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".json": "application/json" };

export interface PageServer extends AsyncDisposable {
  readonly url: string;
  /** Bodies of the questions so far. */
  readonly questions: readonly Record<string, unknown>[];
}

/** The page with a server behind it that answers every question with the made recording; with a key where one is given. */
export async function servePage(folder: string, { key, isThere = true }: { readonly key?: string; readonly isThere?: boolean } = {}): Promise<PageServer> {
  const questions: Record<string, unknown>[] = [];
  const server = createServer((request, response) => {
    void answer(request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    response.setHeader("content-security-policy", "default-src 'self'; img-src 'self' data:");
    const path = new URL(request.url!, "http://localhost").pathname;
    const file = join(folder, path === "/" ? "index.html" : path);
    if (!path.startsWith("/v1/")) {
      response.setHeader("content-type", types[extname(file)] ?? "text/plain");
      if (path === "/made.json") return void response.end(JSON.stringify(madeRecording));
      if (!existsSync(file)) return void response.writeHead(404).end();
      response.end(readFileSync(file));
      return;
    }
    if (!isThere) return void response.writeHead(404).end();
    if (key !== undefined && request.headers.authorization !== `Bearer ${key}`) {
      return void response.writeHead(401).end(JSON.stringify({ error: { message: "The API key is not known." } }));
    }
    if (path === "/v1/models") return void response.end(JSON.stringify({ data: [{ id: "made", elastic: { modes: ["fa-ssa", "full"] } }] }));
    if (path === "/v1/chat/completions") {
      let body = "";
      for await (const chunk of request) body += chunk;
      questions.push(JSON.parse(body) as Record<string, unknown>);
      response.setHeader("x-request-id", request.headers["x-request-id"]!);
      return void response.end("data: [DONE]\n\n");
    }
    if (!path.endsWith("/events")) return void response.end(JSON.stringify({ ...madeRecording, events: [] }));
    response.setHeader("content-type", "text/event-stream");
    for (const event of madeEvents) response.write(`data: ${JSON.stringify(event)}\n\n`);
    response.end();
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    questions,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
