export * from "./key-spread-router.js";
// What `elastic-attention --load` and a worker's `setup` call.
export { registerKeySpread as default } from "./key-spread-router.js";
