export * from "./phi-adapter.js";
