import { connect } from "node:net";

/**
 * Sends a request and counts the bytes of its answer without looking into it: what a client library does with each chunk would
 * take time from a server on the same cores.
 *
 * @returns bytes of the answer, headers included
 * @throws Error for a status other than 200, and for a stream that does not end with `[DONE]`
 */
export function drain(url: string, route: string, body: object): Promise<number> {
  const { hostname, port, host } = new URL(url);
  const text = JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    let bytes = 0;
    let head = "";
    let tail = Buffer.alloc(0);
    socket.on("data", (chunk) => {
      if (bytes === 0) head = chunk.toString("latin1", 0, 200);
      bytes += chunk.length;
      tail = chunk.length >= longestEnd ? chunk : Buffer.concat([tail, chunk]).subarray(-longestEnd);
    });
    socket.once("error", reject);
    socket.once("close", () => {
      if (!head.startsWith("HTTP/1.1 200 ")) reject(new Error(`Answered with ${head.split("\r\n")[0]}.`));
      else if (tail.includes("[DONE]")) resolve(bytes);
      else reject(new Error("The stream was cut off."));
    });
    socket.write(`POST /v1/${route} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
  });
}

/** Bytes in which the end of a stream is looked for. */
const longestEnd = 200;
