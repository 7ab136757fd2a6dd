export * from "./exact-cpu-provider.js";
export * from "./exact-norm-kernel.js";
// What `elastic-attention --load` and a worker's `setup` call.
export { registerExactCpu as default } from "./exact-cpu-provider.js";
