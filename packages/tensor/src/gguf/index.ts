export * from "./gguf-checkpoint.js";
export * from "./gguf-file.js";
export type { GgufArray, GgufTensorEntry, GgufValue } from "./header.js";
export * from "./metadata.js";
export * from "./tensor-types.js";
export type { GgufNumber, GgufWriteValue } from "./value-encoding.js";
export * from "./write-gguf.js";
