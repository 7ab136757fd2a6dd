export * from "./cohere-adapter.js";
