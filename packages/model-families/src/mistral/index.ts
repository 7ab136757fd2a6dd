export * from "./mistral-adapter.js";
export * from "./mistral3-adapter.js";
