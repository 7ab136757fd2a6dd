export * from "./llama-adapter.js";
