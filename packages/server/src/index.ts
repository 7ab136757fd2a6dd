export { ApiError, type ApiErrorDetails } from "./errors/api-error.js";
export type { ServerOptions } from "./server-options.js";
export { ElasticServer, startServer } from "./start-server.js";
export { createLogger } from "./operation/logger.js";
