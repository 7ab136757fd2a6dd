import type { Engine } from "@elastic-attention/generation";
import { type ElasticServer, type ServerOptions, startServer } from "../../src/index.js";

/** A server on a free port, for as long as some work takes. */
export async function withServer(engine: Engine, options: ServerOptions, work: (url: string, server: ElasticServer) => Promise<void>): Promise<void> {
  await using server = await startServer(engine, { port: 0, drainMilliseconds: 500, ...options });
  await work(server.url, server);
}

/** Sends JSON; text is sent as it is. */
export function post(url: string, body: unknown, headers: Record<string, string> = {}, signal?: AbortSignal): Promise<Response> {
  return fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  });
}

/** The data of server-sent events; the last one may be "[DONE]". */
// oxlint-disable-next-line typescript/no-explicit-any
export function eventsIn(text: string): any[] {
  return text
    .split("\n\n")
    .flatMap((event) => event.split("\n").filter((line) => line.startsWith("data: ")).map((line) => line.slice(6)))
    .map((data): unknown => (data === "[DONE]" ? data : JSON.parse(data)));
}

/** A promise and what resolves it. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}
