export * from "./mxfp4.js";
export * from "./quantise/index.js";
export * from "./scaled/index.js";
export * from "./weight-format.js";
export * from "./weight-formats.js";
