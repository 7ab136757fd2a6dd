export * from "./granite-adapter.js";
