export * from "./dilated-mode.js";
// What `elastic-attention --load` and a worker's `setup` call.
export { registerDilatedMode as default } from "./dilated-mode.js";
