export * from "./mxfp4.js";
export * from "./weight-format.js";
export * from "./weight-formats.js";
