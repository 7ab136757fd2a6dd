export * from "./errors.js";
export * from "./sample-tokens.js";
export * from "./suite.js";
export * from "./suites.js";
