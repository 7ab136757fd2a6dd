export * from "./checkpoint.js";
export * from "./element-types.js";
export * from "./header.js";
export * from "./safetensors-file.js";
export * from "./write-safetensors.js";
