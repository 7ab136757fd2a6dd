export * from "./mistral-adapter.js";
