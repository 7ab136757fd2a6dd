export * from "./gpt-oss-adapter.js";
