import { destination, pino, type Logger } from "pino";

/** Lines of JSON on standard output; keys never come into them. */
export function createLogger(level = "info"): Logger {
  return pino({ level, base: null, redact: ["req.headers.authorization", 'req.headers["x-api-key"]'] }, destination({ fd: 1, sync: true }));
}
