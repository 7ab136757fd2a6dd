export * from "./olmo-adapter.js";
