export * from "./weight-format.js";
export * from "./weight-formats.js";
