export * from "./nemotron-adapter.js";
