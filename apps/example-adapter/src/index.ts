export * from "./mistral-adapter.js";
// What `elastic-attention --load` and a worker's `setup` call.
export { registerMistral as default } from "./mistral-adapter.js";
