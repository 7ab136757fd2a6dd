export * from "./gemma-adapter.js";
