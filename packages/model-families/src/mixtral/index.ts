export * from "./mixtral-adapter.js";
