export * from "./exaone-adapter.js";
