export * from "./smollm-adapter.js";
