// A replica for tests: answers what it was asked and by whom; some paths end it, or hold an answer back.
import { createServer } from "node:http";

let asked = 0;
const server = createServer((request, response) => void answer(request, response));

async function answer(request, response) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString();
  asked += 1;
  response.setHeader("content-type", "application/json");
  response.setHeader("x-request-id", request.headers["x-request-id"] ?? "");
  if (request.url === "/metrics") return response.end(JSON.stringify([{ name: "asked_total", help: "Requests.", type: "counter", aggregator: "sum", values: [{ value: asked, labels: {} }] }]));
  if (request.url === "/v1/elastic/requests") return response.end(JSON.stringify({ object: "list", data: [{ id: process.pid, created: asked }] }));
  const { end, stream, full } = body === "" ? {} : JSON.parse(body);
  if (full === true && process.env.REPLICA === "0") return response.writeHead(429).end(JSON.stringify({ error: { message: "full", type: "rate_limit_error", code: "queue_full" } }));
  if (stream === true) {
    response.setHeader("content-type", "text/event-stream");
    response.write("data: {}\n\n");
    if (end === true) setTimeout(() => process.exit(70), 20);
    else setTimeout(() => response.end("data: [DONE]\n\n"), 300);
    return;
  }
  if (end === true) process.exit(70);
  response.end(JSON.stringify({ process: process.pid, replica: process.env.REPLICA, forwarded: request.headers["x-forwarded-for"] }));
}

server.listen(0, "127.0.0.1", () => process.send({ type: "listening", url: `http://127.0.0.1:${server.address().port}` }));
process.on("SIGTERM", () => {
  server.close(() => process.exit(0));
  setInterval(() => server.closeIdleConnections(), 20);
});
process.on("disconnect", () => process.exit(1));
