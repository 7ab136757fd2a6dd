export * from "./aggregate.js";
export * from "./errors.js";
export * from "./ruler/ruler-suite.js";
export * from "./sample-tokens.js";
export * from "./suite.js";
export * from "./suites.js";
