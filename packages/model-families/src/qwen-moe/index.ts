export * from "./qwen-moe-adapter.js";
