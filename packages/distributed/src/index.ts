export { CommunicatorError, CommunicatorUnavailableError } from "@elastic-attention/core";
export * from "./communicator.js";
export * from "./launcher.js";
export * from "./mpi/mpi-communicator.js";
export * from "./nccl/nccl-communicator.js";
export * from "./run-ranks.js";
export * from "./single-process.js";
