export { ApiError, type ApiErrorDetails } from "./errors/api-error.js";
/** Address of the module that makes `response_format` enforceable, for the `setup` of a `WorkerEngine`. */
export const formatConstraints = new URL("./constraints.js", import.meta.url).href;
export type { ServerOptions } from "./server-options.js";
export { ElasticServer, startServer } from "./start-server.js";
export { createLogger } from "./operation/logger.js";
export { type ReplicaOptions, ReplicaServer } from "./replicas/replica-server.js";
export type { ReplicaProgram } from "./replicas/replica-process.js";
