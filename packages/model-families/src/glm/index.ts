export * from "./glm-adapter.js";
