export * from "./internlm3-adapter.js";
// What `elastic-attention --load` and a worker's `setup` call.
export { registerInternLm3 as default } from "./internlm3-adapter.js";
