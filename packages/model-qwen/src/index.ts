export * from "./qwen-adapter.js";
