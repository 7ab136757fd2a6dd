export { readBytes } from "./bytes/read-bytes.js";
export * from "./open-rows.js";
export * from "./row-source.js";
