import { connect } from "node:net";

/** Sends bytes as they are, and gives what comes until the other side closes or some time has passed. */
export function rawRequest(url: string, text: string | readonly string[], { milliseconds = 2000, pause = 0 } = {}): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect(Number(port), hostname, () => void send());
    const send = async () => {
      for (const part of [text].flat()) {
        if (socket.destroyed) return;
        socket.write(part);
        if (pause > 0) await new Promise((next) => setTimeout(next, pause));
      }
    };
    const timer = setTimeout(() => socket.destroy(), milliseconds);
    socket.on("data", (data: Buffer) => (answer += data.toString()));
    socket.on("error", (error: NodeJS.ErrnoException) => {
      // The other side has had enough while something was still to be sent.
      if (error.code !== "EPIPE" && error.code !== "ECONNRESET") reject(error);
    });
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(answer);
    });
  });
}

/** A request for a chat as it is written. */
export function chatRequest(body: string, version = "1.1", headers: readonly string[] = []): string {
  return [`POST /v1/chat/completions HTTP/${version}`, "host: a", "content-type: application/json", `content-length: ${Buffer.byteLength(body)}`, ...headers, "", body].join("\r\n");
}

/** The JSON of the last answer in what came. */
export function bodyOf(answer: string): unknown {
  return JSON.parse(answer.slice(answer.lastIndexOf("\r\n\r\n") + 4)) as unknown;
}
