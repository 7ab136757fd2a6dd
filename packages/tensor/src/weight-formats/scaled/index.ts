export * from "./byte-values.js";
export * from "./packed-4.js";
